// Cancel: a task that waits ends at once. One that runs is marked, durably; its worker is notified,
// and may still complete it. Whatever else ends the attempt cancels the task, the end of the
// queue's grace at the latest.

#include <algorithm>

#include "base/check.h"
#include "engine/engine.h"
#include "engine/task_refusal.h"

namespace treadle {

Result<TaskStanding> Engine::Cancel(const TaskRecord& task, const std::string& reason) {
  TaskImage image = task.image;
  if (image.state == TaskState::kCancelled || image.cancel_requested) return Standing(image, false);
  if (IsTerminal(image.state)) return WrongState(image, "there is nothing left to cancel");
  auto why = std::make_shared<TaskError>(TaskError{"asked", reason});
  if (image.state != TaskState::kRunning) {
    End(image, TaskState::kCancelled, AttemptOutcome::kCancelled, std::move(why));
    return Standing(state_.Find(image.id)->image(), true);
  }
  TREADLE_CHECK(task.holder.has_value());  // or nobody would be told
  const int64_t grace_ms = state_.queue(image.queue).policy.cancel_grace_ms;
  const int64_t end_ms = (state_.now() + grace_ms).ms;
  image.when_ms = image.when_ms == 0 ? end_ms : std::min(image.when_ms, end_ms);
  image.cancel_requested = true;
  cancel_requests_.push_back({*task.holder, image.token()});
  Emit(TaskIsNow{.image = image, .holder = task.holder, .error = std::move(why)});
  TREADLE_CHECK(state_.cancel_requests() > 0);  // its worker's next exchange looks for it
  return Standing(image, true);
}

}  // namespace treadle
