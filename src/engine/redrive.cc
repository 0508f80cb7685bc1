// Redrive: a task that ended without success is ready again. It keeps its id, its place among
// equals by age, and its last error; its attempts begin anew.

#include "engine/engine.h"
#include "engine/task_refusal.h"

namespace treadle {

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
  Emit(TaskIsNow{.image = image, .left = QueuePlace::Of(task.image)});
  return Standing(image, true);
}

}  // namespace treadle
