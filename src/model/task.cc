#include "model/task.h"

namespace treadle {

std::optional<std::string_view> TaskStateName(TaskState state) {
  switch (state) {
    case TaskState::kScheduled:
      return "scheduled";
    case TaskState::kReady:
      return "ready";
    case TaskState::kRunning:
      return "running";
    case TaskState::kRetrying:
      return "retrying";
    case TaskState::kCompleted:
      return "completed";
    case TaskState::kDead:
      return "dead";
    case TaskState::kCancelled:
      return "cancelled";
    case TaskState::kExpired:
      return "expired";
  }
  return std::nullopt;
}

std::optional<TaskState> TaskStateFromName(std::string_view name) {
  for (const TaskState state : kTaskStates)
    if (TaskStateName(state) == name) return state;
  return std::nullopt;
}

}  // namespace treadle
