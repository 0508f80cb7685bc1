// StampedTasks: tasks that carry when they were meant to be enqueued, for handlers that tell how
// long ago that was. Any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "loadgen/callers.h"
#include "loadgen/load.h"

namespace treadle::loadgen {

class StampedTasks {
 public:
  /// Counts from `epoch`, which no task's intended start precedes.
  explicit StampedTasks(SteadyClock::time_point epoch) : epoch_(epoch) {}

  int64_t StampUs(SteadyClock::time_point intended) const {
    return (intended - epoch_) / std::chrono::microseconds(1);
  }
  std::vector<TaskRequest> Make(const Load& load, SteadyClock::time_point intended) const;

  struct Age {
    int64_t stamp_us;
    int64_t latency_us;  // from then until now
  };
  Age Of(const Task& task) const;

 private:
  const SteadyClock::time_point epoch_;
};

}  // namespace treadle::loadgen
