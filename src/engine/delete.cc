// Delete: nothing of a task is kept, and its idempotency key is free again.

#include "base/check.h"
#include "engine/engine.h"
#include "engine/task_refusal.h"

namespace treadle {

Result<TaskStanding> Engine::Delete(const TaskRecord& task) {
  const TaskImage image = task.image;
  if (image.state == TaskState::kRunning) return WrongState(image, "cancel it first");
  TREADLE_CHECK(task.body != nullptr);  // Do() loads it, for the key is in it
  if (const std::string& text = task.body->idempotency_key; !text.empty()) {
    const IdempotencyId id = IdempotencyIdOf(state_.queue(image.queue).name, text);
    const KeyIsNow* key = state_.keys().Find(id);
    if (key != nullptr && key->task == image.id) Emit(KeyIsGone{id});
  }
  // Of a task that was moved, the key is one of the queue that it came from.
  if (image.has_terms) ReleaseKey(image, Unique::kDone);
  if (!IsTerminal(image.state)) ended_.push_back(image.id);  // for those who wait for its end
  Emit(TaskIsGone{.id = image.id, .place = QueuePlace::Of(image)});
  TREADLE_CHECK(state_.Find(image.id) == nullptr);
  return Standing(image, true);
}

}  // namespace treadle
