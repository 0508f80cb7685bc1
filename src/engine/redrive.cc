// Redrive: a task that ended without success is ready again. It keeps its id, its place among
// equals by age, and its last error; its attempts start over, and a time to begin or to end by that
// is over no longer holds. Its queue must have room for it, as for a new task. A key that it held
// for as long as it lived is its own again, or it stays where it is.

#include <limits>

#include "base/check.h"
#include "engine/engine.h"
#include "engine/task_refusal.h"

namespace treadle {

namespace {

// What is over already does not hold any more; else the task would end again at once.
std::shared_ptr<const TaskTerms> WithTimeAnew(TaskTerms terms, ShardTime now) {
  if (terms.expires <= now) terms.expires_at.reset(), terms.expires = {};
  if (terms.deadline <= now) terms.deadline_at.reset(), terms.deadline = {};
  terms.first_failure = {};
  return std::make_shared<TaskTerms>(terms);
}

}  // namespace

Result<TaskStanding> Engine::Redrive(const TaskRecord& task) {
  TaskImage image = task.image;
  if (image.state == TaskState::kCompleted) return WrongState(image, "enqueue another one");
  if (!IsTerminal(image.state)) return WrongState(image, "only an ended task can be redriven");
  const Queue& queue = state_.queue(image.queue);
  // One that is no longer kept was not found, or its number would lead to another task's entry.
  TREADLE_CHECK(queue.ended_in(image.state).Holds(image.ordinal, image.id));
  const TaskTerms* const terms = task.terms.get();
  const bool is_unique = terms != nullptr && terms->unique != Unique::kNo;
  TREADLE_RETURN_IF_ERROR(CheckQueue(queue.name));
  if (is_unique) TREADLE_RETURN_IF_ERROR(CheckKeyIsFree(image.id, terms->unique_key));
  const uint64_t bytes = queue.ended_in(image.state).at(image.ordinal).bytes;
  TREADLE_ASSIGN_OR_RETURN(const std::vector<TaskId> shed, RoomFor(queue, bytes, image.priority));
  for (const TaskId id : shed) Shed(id);
  // Earlier tokens must stay old: the attempt number continues, and no earlier attempt counts.
  image.unspent = image.attempt;
  image.state = TaskState::kReady;
  image.ordinal = 0;
  image.when_ms = ReadySince(image);
  image.finished_at = {};
  image.worker_losses = 0;
  TaskIsNow effect{.image = image, .left = QueuePlace::Of(task.image)};
  if (task.terms) effect.terms = WithTimeAnew(*task.terms, state_.now());
  Emit(effect);
  TREADLE_CHECK(state_.Find(image.id)->spent() == 0);  // all of its attempts are before it
  if (is_unique)
    Emit(KeyIsNow{terms->unique_key, terms->request_hash.value_or(0), image.id,
                  ShardTime{std::numeric_limits<int64_t>::max()}});
  return Standing(image, true);
}

}  // namespace treadle
