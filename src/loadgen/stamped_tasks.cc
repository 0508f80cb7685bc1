#include "loadgen/stamped_tasks.h"

#include <cstdlib>
#include <string>

namespace treadle::loadgen {

std::vector<TaskRequest> StampedTasks::Make(const Load& load,
                                            SteadyClock::time_point intended) const {
  return TasksOf(load, load.batch, std::to_string(StampUs(intended)) + ' ');
}

StampedTasks::Age StampedTasks::Of(const Task& task) const {
  const int64_t stamp_us = std::strtoll(task.payload.c_str() + 1, nullptr, 10);
  return {stamp_us, UsSince(epoch_) - stamp_us};
}

}  // namespace treadle::loadgen
