// TurnTimes: how long the turns of an executor took. A turn is one piece of work, from its begin to
// its end. One thread at a time; others look at a copy.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace treadle {

class TurnTimes {
 public:
  /// The upper ends of the buckets; a last one has what is beyond.
  static constexpr std::array<int64_t, 11> kBoundsUs = {
      100, 1'000, 2'000, 5'000, 10'000, 20'000, 50'000, 100'000, 200'000, 500'000, 1'000'000};
  using Counts = std::array<uint64_t, kBoundsUs.size() + 1>;

  void Add(int64_t ns);

  const Counts& counts() const { return counts_; }
  int64_t total_ns() const { return total_ns_; }
  int64_t longest_ns() const { return longest_ns_; }

 private:
  Counts counts_{};
  int64_t total_ns_ = 0;
  int64_t longest_ns_ = 0;
};

struct ExecutorTurns {
  TurnTimes clock;      // so long did everything else on the executor wait
  TurnTimes processor;  // so long did the turn's thread have a processor: the work that it was
};

/// What turns of the calling thread take of a processor. To look at that costs a system call, so it
/// is done once a millisecond or less often: a shorter turn counts as having had the
/// processor all the time, and of a longer one it may be a millisecond too much. Turns may lie
/// within turns. One thread.
class ProcessorMeter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  struct Turn {
    Time begun;
    int64_t used_ns = 0;  // by its thread before
  };

  Turn Begin(Time now);
  /// Nanoseconds of the turn.
  int64_t End(const Turn& turn, Time now);

 private:
  void Look(Time now);

  Time looked_at_;
  int64_t used_ns_ = 0;  // at that time
};

}  // namespace treadle
