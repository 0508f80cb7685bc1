// RunNow: a task that waits for its time does not.

#include "base/check.h"
#include "engine/engine.h"
#include "engine/task_refusal.h"

namespace treadle {

Result<TaskStanding> Engine::RunNow(const TaskRecord& task) {
  const TaskImage& image = task.image;
  switch (image.state) {
    case TaskState::kScheduled:
    case TaskState::kRetrying: {
      MakeReady(image);
      const TaskImage now = state_.Find(image.id)->image();
      TREADLE_CHECK(now.state == TaskState::kReady);
      return Standing(now, true);
    }
    case TaskState::kReady:
    case TaskState::kRunning:
      return Standing(image, false);
    case TaskState::kCompleted:
      return WrongState(image, "enqueue another one");
    case TaskState::kDead:
    case TaskState::kCancelled:
    case TaskState::kExpired:
      return WrongState(image, "redrive it");
  }
  return Status(Code::kInternal, "no such state");
}

}  // namespace treadle
