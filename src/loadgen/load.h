// What callers put on a server, and how much of it. Plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/measurement.h"
#include "treadle/task.h"

namespace treadle::loadgen {

inline constexpr const char* kTaskType = "bench";

struct Load {
  std::string queue;  // only of this run
  int64_t payload_bytes = 256;
  std::chrono::milliseconds duration{3'000};  // of each measurement
  int64_t rate = 0;                           // calls per second; 0: as fast as possible
  int64_t batch = 1;
  int64_t callers = 1;
  Coalesce coalesce = Coalesce::kOff;
  std::function<bool()> interrupted;  // asked often; true ends the measurement early
};

/// One whose payload begins with `text` and has the size that is asked for, or what `text` needs.
TaskRequest TaskOf(const Load& load, std::string_view text = "");

/// `count` in one call.
std::vector<TaskRequest> TasksOf(const Load& load, int64_t count, std::string_view text = "");

}  // namespace treadle::loadgen
