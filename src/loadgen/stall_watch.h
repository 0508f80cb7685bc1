// StallWatch: the longest time between two events of a stream that should never rest. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace treadle::loadgen {

class StallWatch {
 public:
  /// By a clock that never goes back; threads may tell of theirs a little out of order.
  void Happened(int64_t at_us);
  /// From the first event to the last one; what lies before and behind is no stall.
  int64_t longest_us() const { return longest_us_; }

 private:
  static constexpr int64_t kNever = -1;
  std::atomic<int64_t> last_us_ = kNever;
  std::atomic<int64_t> longest_us_ = 0;
};

}  // namespace treadle::loadgen
