// Scheduler: all threads of the simulated world, as the queues of one seeded scheduler.
//
// Each executor runs its posted work in order. The seed decides which executor runs next. Time
// stands still while anything can run, then jumps to the next thing that is due. One seed gives one
// run, and every step is folded into a hash. The text of a trace is made only on demand and
// otherwise costs almost nothing.
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

/// An executor of the simulated world. A dead executor drops its work, as a crash drops threads.
class SimExecutor final : public Executor {
 public:
  SimExecutor(Scheduler* scheduler, uint32_t number) : scheduler_(scheduler), number_(number) {}

  void Post(std::function<void()> work) override;
  void PostAfter(int64_t delay_ms, std::function<void()> work) override;
  void Die();
  /// Runs nothing here for this long, like a thread that waits for a slow disk.
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

  /// Makes an executor that lives as long as the scheduler.
  SimExecutor* MakeExecutor();

  /// Runs one piece of work, or advances time to the next one. False if nothing is left to do.
  bool Step();

  // Clock.
  WallTime Wall() override { return {1'700'000'000'000 + now_ms_ + wall_offset_ms_}; }
  int64_t MonotonicMs() override { return now_ms_; }

  /// Lets time pass while the caller works and everyone else waits.
  void Pass(int64_t ms) { now_ms_ += ms; }
  /// Sets the wall clock forward or back.
  void StepWall(int64_t by_ms);
  /// By how much the wall clock was set forward in total.
  int64_t wall_forward_ms() const { return wall_forward_ms_; }
  /// The latest time the wall clock has ever shown.
  WallTime LatestWall() { return std::max(latest_wall_, Wall()); }

  /// Folds an event into the hash.
  void Fold(std::string_view what, uint64_t a = 0, uint64_t b = 0);
  /// Fold() plus a line for the trace.
  void Trace(std::string_view what) {
    Fold(what), Tell([&] { return std::string(what); });
  }
  /// Only adds the trace line. `text` is not called unless the trace is printed.
  template <class Text>
  void Tell(Text text) {
    if (print_trace) Print(text());
  }
  /// Text for a later Tell(). Empty unless the trace is printed.
  template <class Text>
  std::string Note(Text text) const {
    return print_trace ? text() : std::string();
  }
  uint64_t trace_hash() const { return trace_; }
  uint64_t steps() const { return steps_; }

  /// Called before each piece of work with the executor it runs on. May be empty.
  std::function<void(const SimExecutor*)> before_work;

  SeededRandom random;
  bool print_trace = false;

 private:
  friend class SimExecutor;
  void Print(const std::string& line) const;
  struct Delayed {
    SimExecutor* executor;
    std::function<void()> work;
  };

  int64_t now_ms_ = 0;
  int64_t wall_offset_ms_ = 0;
  WallTime latest_wall_;
  int64_t wall_forward_ms_ = 0;
  uint64_t steps_ = 0;
  uint64_t trace_ = 0;
  std::vector<std::unique_ptr<SimExecutor>> executors_;
  std::vector<SimExecutor*> alive_;     // in the order of executors_
  std::vector<SimExecutor*> runnable_;  // reused so that a step does not allocate
  std::multimap<int64_t, Delayed> delayed_;
};

}  // namespace treadle::sim
