#include "loadgen/load.h"

#include <algorithm>

namespace treadle::loadgen {

TaskRequest TaskOf(const Load& load, std::string_view text) {
  const size_t wanted = static_cast<size_t>(load.payload_bytes) - 2;  // a JSON string
  const std::string filling(wanted - std::min(wanted, text.size()), 'x');
  return {
      .type = kTaskType, .queue = load.queue, .payload = '"' + std::string(text) + filling + '"'};
}

std::vector<TaskRequest> TasksOf(const Load& load, int64_t count, std::string_view text) {
  return {static_cast<size_t>(count), TaskOf(load, text)};
}

}  // namespace treadle::loadgen
