// Scheduler: all threads of the simulated world, as queues of one seeded scheduler.
//
// Each lane runs its posted work in order; which lane goes next is drawn by the seed. Time stands
// still while anything can run, then jumps to the next thing that is due. One seed gives one run:
// every step is folded into a hash. What people read of it is printed on demand, and costs next to
// nothing else.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/executor.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/time.h"

namespace treadle::sim {

class Scheduler;

/// A lane of the simulated world. Dead lanes drop their work: that is what a crash does to threads.
class Lane final : public Executor {
 public:
  Lane(Scheduler* scheduler, uint32_t number) : scheduler_(scheduler), number_(number) {}

  void Post(std::function<void()> work) override;
  void PostAfter(int64_t delay_ms, std::function<void()> work) override;
  void Die() { dead_ = true, ready_.clear(); }
  /// Nothing runs here for so long: what a slow disk does to whoever waits for it.
  void StallFor(int64_t ms);

 private:
  friend class Scheduler;

  Scheduler* scheduler_;
  uint32_t number_;
  bool dead_ = false;
  int64_t stalled_until_ms_ = 0;
  std::deque<std::function<void()>> ready_;
};

class Scheduler final : public Clock {
 public:
  explicit Scheduler(uint64_t seed) : random(seed) {}

  /// A new lane; lives as long as the scheduler.
  Lane* MakeLane();

  /// Runs one piece of work, or moves time to the next one. False if there is nothing left to do.
  bool Step();

  // Clock.
  WallTime Wall() override { return {1'700'000'000'000 + now_ms_ + wall_offset_ms_}; }
  int64_t MonotonicMs() override { return now_ms_; }

  /// Time goes on while whoever calls this is at work and all others wait.
  void Pass(int64_t ms) { now_ms_ += ms; }
  /// The wall clock is set to another time.
  void StepWall(int64_t by_ms);
  /// By how much it was set forward in all.
  int64_t wall_forward_ms() const { return wall_forward_ms_; }
  /// The latest time that it ever showed.
  WallTime LatestWall() { return std::max(latest_wall_, Wall()); }

  /// Folds something that happened into the hash.
  void Fold(std::string_view what, uint64_t a = 0, uint64_t b = 0);
  /// The same, with a line for people.
  void Trace(std::string_view what) {
    Fold(what), Tell([&] { return std::string(what); });
  }
  /// Only the line. `text` is not called unless somebody reads.
  template <class Text>
  void Tell(Text text) {
    if (print_trace) Print(text());
  }
  /// A text for a later Tell(): empty unless somebody reads.
  template <class Text>
  std::string Note(Text text) const {
    return print_trace ? text() : std::string();
  }
  uint64_t trace_hash() const { return trace_; }
  uint64_t steps() const { return steps_; }

  /// Before each piece of work: the lane on which it runs. May be empty.
  std::function<void(const Lane*)> before_work;

  SeededRandom random;
  bool print_trace = false;

 private:
  friend class Lane;
  void Print(const std::string& line) const;
  struct Delayed {
    Lane* lane;
    std::function<void()> work;
  };

  int64_t now_ms_ = 0;
  int64_t wall_offset_ms_ = 0;
  WallTime latest_wall_;
  int64_t wall_forward_ms_ = 0;
  uint64_t steps_ = 0;
  uint64_t trace_ = 0;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<Lane*> runnable_;  // reused, so that a step does not allocate
  std::multimap<int64_t, Delayed> delayed_;
};

}  // namespace treadle::sim
