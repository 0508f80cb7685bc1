// CheckBudget: how much processor time the checks of one request may take. Beside the steps of a
// walk, which bound the work for a value by its size, because some steps cost far more than others:
// a regular expression that RE2 must run without its automaton is a thousand times slower.
//
// Counts the time of the thread that made it; that thread only.
#pragma once

#include <ctime>

#include <cstddef>
#include <cstdint>

namespace treadle {

class CheckBudget {
 public:
  explicit CheckBudget(int64_t cpu_ms) : end_ns_(UsedNs() + cpu_ms * 1'000'000) {}

  /// For values of `bytes` together: a second, and more for many of them.
  static CheckBudget For(size_t bytes) {
    return CheckBudget(1'000 + static_cast<int64_t>(bytes >> 12));  // 256 ms for each MiB
  }

  bool IsSpent() const { return UsedNs() >= end_ns_; }

 private:
  static int64_t UsedNs() {
    timespec used{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
  }

  int64_t end_ns_;
};

}  // namespace treadle
