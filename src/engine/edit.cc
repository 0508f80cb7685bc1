// Edit: what a task is changes, and perhaps the queue in which it waits. Only a task that nobody
// runs: a worker must never hold another task than the one that is written down.

#include "base/check.h"
#include "engine/engine.h"
#include "engine/task_refusal.h"
#include "model/validate.h"

namespace treadle {
namespace {

// The body with another payload; its key, its tags and its trace stay.
std::shared_ptr<const TaskBody> WithPayload(const TaskBody& body, const TaskBody& payload) {
  auto edited = std::make_shared<TaskBody>(payload);
  edited->idempotency_key = body.idempotency_key;
  edited->tags = body.tags;
  edited->traceparent = body.traceparent;
  return edited;
}

Status CheckState(const TaskImage& image, const TaskEdit& edit) {
  if (image.state == TaskState::kRunning)
    return WrongState(image, "its worker already has the old values: cancel the task, or wait");
  if (image.state == TaskState::kCompleted) return WrongState(image, "enqueue another one");
  if (IsTerminal(image.state) && (edit.queue || edit.has_time()))
    return WrongState(image, "redrive it before you move it or give it a time");
  if (edit.max_attempts && !IsTerminal(image.state) && *edit.max_attempts <= image.spent())
    return {Code::kInvalidArgument, "max_attempts must be more than the " +
                                        std::to_string(image.spent()) + " attempts that task " +
                                        image.id.ToString() + " has had"};
  return {};
}

}  // namespace

// Whether the task may come to `edit.queue`, and whom it displaces there. It comes like a new one:
// a queue that drains or is full does not take it, and a key that it holds is one of that queue.
Status Engine::MayMove(const TaskRecord& task, const TaskEdit& edit,
                       std::vector<TaskId>* shed) const {
  TREADLE_CHECK(edit.queue.has_value());
  TREADLE_RETURN_IF_ERROR(CheckQueue(*edit.queue));
  if (const KeyIsNow* const key = HeldKey(task); key != nullptr)
    TREADLE_RETURN_IF_ERROR(
        CheckKeyIsFree(task.image.id, IdempotencyIdOf(*edit.queue, task.body->idempotency_key)));
  const Queue* const queue = state_.FindQueue(*edit.queue);
  if (queue == nullptr) return {};
  const TaskBody& body = edit.payload ? *edit.payload : *task.body;
  TREADLE_ASSIGN_OR_RETURN(
      *shed, RoomFor(*queue, body.payload.size(), edit.priority.value_or(task.image.priority)));
  return {};
}

// The key that it holds as long as it lives, or lives so far; null: none.
const KeyIsNow* Engine::HeldKey(const TaskRecord& task) const {
  if (task.terms == nullptr || task.terms->unique == Unique::kNo) return nullptr;
  const KeyIsNow* const key = state_.keys().Find(task.terms->unique_key);
  return key != nullptr && key->task == task.image.id ? key : nullptr;
}

// Such a key goes with its task to another queue.
void Engine::MoveKey(const TaskRecord& task, const std::string& queue) {
  const KeyIsNow* const held = HeldKey(task);
  if (held == nullptr) return;
  TREADLE_CHECK(!task.body->idempotency_key.empty());  // it holds one
  KeyIsNow key = *held;
  Emit(KeyIsGone{IdempotencyId(key.id)});
  key.id = IdempotencyIdOf(queue, task.body->idempotency_key);
  Emit(key);
}

Result<TaskStanding> Engine::Edit(const TaskRecord& task, const TaskEdit& edit) {
  TREADLE_RETURN_IF_ERROR(Validate(edit));
  TREADLE_RETURN_IF_ERROR(CheckState(task.image, edit));
  TREADLE_CHECK(task.body != nullptr);  // Do() loads it: a task that moves is written whole
  TaskImage image = task.image;
  const Queue& from = state_.queue(image.queue);
  const bool changes_queue = edit.queue && *edit.queue != from.name;
  if (changes_queue) {
    std::vector<TaskId> shed;
    TREADLE_RETURN_IF_ERROR(MayMove(task, edit, &shed));
    TREADLE_ASSIGN_OR_RETURN(const Queue* const queue, QueueFor(*edit.queue));
    for (const TaskId id : shed) Shed(id);
    image.queue = queue->id;
  } else if (edit.payload && !IsTerminal(image.state) &&
             edit.payload->payload.size() > task.body->payload.size()) {
    TREADLE_RETURN_IF_ERROR(
        CheckGrowth(from, edit.payload->payload.size() - task.body->payload.size()));
  }
  if (edit.priority) image.priority = *edit.priority;
  if (edit.max_attempts) image.max_attempts = *edit.max_attempts;
  if (edit.has_time()) {
    const bool is_due = edit.run_at ? *edit.run_at <= time_.wall : *edit.delay_ms == 0;
    image.state = is_due ? TaskState::kReady : TaskState::kScheduled;
    image.by_shard_time = !is_due && !edit.run_at;
    image.when_ms = ReadySince(image);
    if (!is_due) image.when_ms = edit.run_at ? edit.run_at->ms : (state_.now() + *edit.delay_ms).ms;
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
  if (changes_queue && task.terms && task.terms->unique != Unique::kNo) {
    auto terms = std::make_shared<TaskTerms>(*task.terms);
    terms->unique_key = IdempotencyIdOf(*edit.queue, task.body->idempotency_key);
    effect.terms = std::move(terms);
    MoveKey(task, *edit.queue);
  }
  // A move names the old place, where the store finds the task's row, and brings the body, without
  // which the store cannot write the row again.
  TREADLE_CHECK(!effect.left || effect.body != nullptr);
  Emit(effect);
  return Standing(image, true);
}

}  // namespace treadle
