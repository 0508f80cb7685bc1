// TakeBack: someone takes a lease back by hand, because its worker is stuck or gone. The task is
// ready again and has spent no attempt; the worker is notified that its lease is lost, and whatever
// it still reports has no effect.

#include "base/check.h"
#include "engine/engine.h"
#include "engine/task_refusal.h"

namespace treadle {

Result<TaskStanding> Engine::TakeBack(const TaskRecord& task, const std::string& reason) {
  TaskImage image = task.image;
  if (IsTerminal(image.state)) return WrongState(image, "it has no lease to release");
  if (image.state != TaskState::kRunning) return Standing(image, false);
  TREADLE_CHECK(task.holder.has_value());  // it runs, so someone has it
  const TaskSlot& slot = *state_.Find(image.id);
  lost_.push_back({*task.holder, image.token()});
  image.unspent += 1;
  if (image.cancel_requested) {
    End(image, TaskState::kCancelled, AttemptOutcome::kCancelled, nullptr);
    return Standing(state_.Find(image.id)->image(), true);
  }
  image.exchange = 0;
  image.state = TaskState::kReady;
  image.when_ms = ReadySince(image);
  TaskIsNow effect{.image = image,
                   .error = std::make_shared<TaskError>(TaskError{"released_by_hand", reason})};
  NoteEndOfAttempt(slot, AttemptOutcome::kReleased, 0, &effect);
  Emit(effect);
  TREADLE_CHECK(state_.Find(image.id)->spent() + 1 == task.image.spent());  // it did not count
  if (image.has_terms) ReleaseKey(image, Unique::kRunning);
  return Standing(image, true);
}

}  // namespace treadle
