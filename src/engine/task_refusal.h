// The errors for a task in the wrong state.
#pragma once

#include <string>

#include "base/status.h"
#include "engine/commands.h"
#include "model/task.h"

namespace treadle {

/// FAILED_PRECONDITION "task 1-42 is running; <instead>".
inline Status WrongState(const TaskImage& image, const std::string& instead) {
  return {Code::kFailedPrecondition, "task " + image.id.ToString() + " is " +
                                         std::string(*TaskStateName(image.state)) + "; " + instead};
}

inline TaskStanding Standing(const TaskImage& image, bool changed) {
  return {image.id, image.state, image.cancel_requested, changed};
}

inline Status LeaseIsLost(const Token& token) {
  return {Code::kLeaseLost,
          "the lease of " + token.ToString() + " was lost: this worker no longer holds the task"};
}

}  // namespace treadle
