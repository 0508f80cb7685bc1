// BurstLatency: latencies before, in and after a burst, and how soon they were as before it. One
// thread at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "loadgen/histogram.h"

namespace treadle::loadgen {

enum class BurstPhase { kBefore, kBurst, kAfter };

class BurstLatency {
 public:
  /// How long the first two phases are; the third has no end.
  BurstLatency(std::chrono::microseconds before, std::chrono::microseconds burst);

  /// Of a moment, counted from the begin of the first phase.
  BurstPhase PhaseAt(int64_t at_us) const;
  /// Of a task that was meant to be enqueued at that moment.
  void Add(int64_t at_us, int64_t latency_us);

  Histogram Of(BurstPhase phase) const;
  /// The begin of the first whole second after the burst whose 99th percentile is at most twice
  /// that of all before the burst, counted from the burst's end. Nothing if there was none, or if
  /// there is nothing to compare.
  std::optional<int64_t> NormalAfterSeconds() const;

 private:
  const int64_t burst_begin_us_;
  const int64_t burst_end_us_;
  Histogram before_;
  Histogram burst_;
  std::vector<Histogram> seconds_;  // after the burst, each second
};

}  // namespace treadle::loadgen
