// Redrive: a task that ended without success is ready again. It keeps its id, its place among
// equals by age, and its last error; its attempts begin anew, and a time to begin or to end by that
// is over no longer holds.

#include "engine/engine.h"
#include "engine/task_refusal.h"

namespace treadle {

namespace {

// What is over already does not hold any more; else the task would end again at once.
std::shared_ptr<const TaskTerms> WithTimeAnew(TaskTerms terms, ShardTime now) {
  if (terms.expires <= now) terms.expires_at = {}, terms.expires = {};
  if (terms.deadline <= now) terms.deadline_at = {}, terms.deadline = {};
  terms.first_failure = {};
  return std::make_shared<TaskTerms>(terms);
}

}  // namespace

Result<TaskStanding> Engine::Redrive(const TaskRecord& task) {
  TaskImage image = task.image;
  if (image.state == TaskState::kCompleted) return WrongState(image, "enqueue another");
  if (!IsTerminal(image.state)) return WrongState(image, "only an ended task can be redriven");
  // Tokens of before must stay old: the number of the attempt goes on, and none of them counts.
  image.unspent = image.attempt;
  image.state = TaskState::kReady;
  image.ordinal = 0;
  image.when_ms = 0;
  image.finished_at = {};
  image.worker_losses = 0;
  TaskIsNow effect{.image = image, .left = QueuePlace::Of(task.image)};
  if (task.terms) effect.terms = WithTimeAnew(*task.terms, state_.now());
  Emit(effect);
  return Standing(image, true);
}

}  // namespace treadle
