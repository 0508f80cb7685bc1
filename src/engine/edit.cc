// Edit: what a task is changes, and perhaps the queue in which it waits. Only a task that nobody
// runs: a worker must never hold another task than the one that is written down.

#include "engine/engine.h"
#include "engine/task_refusal.h"
#include "model/validate.h"

namespace treadle {
namespace {

// The body with another payload; its key and its tags stay.
std::shared_ptr<const TaskBody> WithPayload(const TaskBody& body, const TaskBody& payload) {
  auto edited = std::make_shared<TaskBody>(payload);
  edited->idempotency_key = body.idempotency_key;
  edited->tags = body.tags;
  return edited;
}

Status CheckState(const TaskImage& image, const TaskEdit& edit) {
  if (image.state == TaskState::kRunning)
    return WrongState(image, "its worker has what it was leased with: cancel it, or wait");
  if (image.state == TaskState::kCompleted) return WrongState(image, "enqueue another");
  if (IsTerminal(image.state) && (edit.queue || edit.has_time()))
    return WrongState(image, "redrive it before you move it or give it a time");
  if (edit.max_attempts && !IsTerminal(image.state) && *edit.max_attempts <= image.spent())
    return {Code::kInvalidArgument, "max_attempts must be more than the " +
                                        std::to_string(image.spent()) + " attempts that task " +
                                        image.id.ToString() + " has had"};
  return {};
}

}  // namespace

Result<TaskStanding> Engine::Edit(const TaskRecord& task, const TaskEdit& edit) {
  TREADLE_RETURN_IF_ERROR(Validate(edit));
  TREADLE_RETURN_IF_ERROR(CheckState(task.image, edit));
  TaskImage image = task.image;
  if (edit.queue) {
    TREADLE_RETURN_IF_ERROR(CheckQueue(*edit.queue));
    TREADLE_ASSIGN_OR_RETURN(const Queue* const queue, QueueFor(*edit.queue));
    image.queue = queue->id;
  }
  if (edit.priority) image.priority = *edit.priority;
  if (edit.max_attempts) image.max_attempts = *edit.max_attempts;
  if (edit.has_time()) {
    const WallTime due = edit.run_at ? *edit.run_at : time_.wall + *edit.delay_ms;
    const bool is_due = due <= time_.wall;
    image.state = is_due ? TaskState::kReady : TaskState::kScheduled;
    image.when_ms = is_due ? 0 : due.ms;
  }
  TaskIsNow effect{.image = image};
  const bool moves = image.queue != task.image.queue || image.priority != task.image.priority;
  if (moves && !IsTerminal(image.state)) effect.left = QueuePlace::Of(task.image);
  if (moves || edit.payload) {
    effect.body = edit.payload ? WithPayload(*task.body, *edit.payload) : task.body;
    effect.error = task.error;
    // What is in memory of a task with its body is whole.
    if (task.saved) effect.trail = std::make_shared<TaskTrail>(TaskTrail{.saved = *task.saved});
  }
  if (effect.body || IsTerminal(image.state)) effect.terms = task.terms;
  if (!effect.body && image == task.image) return Standing(image, false);
  Emit(effect);
  return Standing(image, true);
}

}  // namespace treadle
