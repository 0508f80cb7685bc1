// Report: a worker says how its attempt ended. Complete, fail, release; and leases that end without
// a word.

#include "engine/engine.h"

namespace treadle {
namespace {

Status LeaseIsLost(const Token& token) {
  return {Code::kAborted,
          "the lease of " + token.ToString() + " was lost: the task went on without this worker"};
}

Status NoSuchTask(TaskId id) {
  return {Code::kNotFound, "there is no task " + id.ToString() + ", or it is no longer kept"};
}

// Whether this report was taken before, and the task was not leased since. A worker that says first
// one thing and then another is told that the second had no effect.
bool WasTaken(const TaskImage& image, const Report& report) {
  const bool says_completed = report.kind == Report::Kind::kCompleted;
  return image.reported && image.token() == report.token && image.state != TaskState::kRunning &&
         says_completed == (image.state == TaskState::kCompleted);
}

}  // namespace

Outcome<bool> Engine::Apply(const Report& report, const TaskRecord* loaded, bool was_loaded) {
  const TaskSlot* task = state_.Find(report.token.task);
  if (task == nullptr) return ApplyLate(report, loaded, was_loaded);
  if (task->image.state != TaskState::kRunning || task->image.token() != report.token) {
    if (WasTaken(task->image, report)) return true;
    return LeaseIsLost(report.token);
  }
  switch (report.kind) {
    case Report::Kind::kCompleted:
      Complete(*task, report);
      break;
    case Report::Kind::kFailed:
      Fail(*task, report.error, true, report.retry);
      break;
    case Report::Kind::kReleased:
      Release(*task);
      break;
  }
  return true;
}

// The task has left memory: it ended, and perhaps by this very report.
Outcome<bool> Engine::ApplyLate(const Report& report, const TaskRecord* loaded,
                                bool was_loaded) const {
  const TaskId id = report.token.task;
  if (id.shard() != state_.shard() || id >= state_.next_task()) return NoSuchTask(id);
  if (!was_loaded) return Outcome<bool>::Need({id});
  if (loaded == nullptr || !IsKept(loaded->image)) return NoSuchTask(id);
  if (WasTaken(loaded->image, report)) return true;
  return LeaseIsLost(report.token);
}

void Engine::Complete(const TaskSlot& task, const Report& report) {
  TaskImage image = task.image;
  image.reported = true;
  End(image, TaskState::kCompleted, nullptr, report.result);
}

void Engine::End(TaskImage image, TaskState state, std::shared_ptr<const TaskError> error,
                 std::shared_ptr<const TaskResult> result) {
  image.state = state;
  image.cancel_requested = false;
  image.exchange = 0;
  image.ordinal = state_.queue(image.queue).counters.of(state).next;
  image.when_ms = state_.now().ms;
  image.finished_at = time_.wall;
  ended_.push_back(image.id);
  Emit(TaskIsNow{.image = image, .error = std::move(error), .result = std::move(result)});
}

void Engine::Fail(const TaskSlot& task, std::shared_ptr<const TaskError> error, bool reported,
                  bool retry) {
  TaskImage image = task.image;
  const Queue& queue = state_.queue(image.queue);
  image.reported = reported;
  // However the attempt ended, there is no other; why it was cancelled stays to be read.
  if (image.cancel_requested) return End(image, TaskState::kCancelled, nullptr, nullptr);
  if (!retry || image.spent() >= image.max_attempts)
    return End(image, TaskState::kDead, std::move(error), nullptr);
  const uint64_t random = Mix64(time_.random ^ Mix64(image.id.packed));
  image.exchange = 0;
  image.state = TaskState::kRetrying;
  image.when_ms = (state_.now() + BackoffMs(queue.policy.retry, image.spent(), random)).ms;
  Emit(TaskIsNow{.image = image, .error = std::move(error)});
}

void Engine::Release(const TaskSlot& task) {
  TaskImage image = task.image;
  image.unspent += 1;
  image.reported = true;
  if (image.cancel_requested) return End(image, TaskState::kCancelled, nullptr, nullptr);
  image.exchange = 0;
  MakeReady(image);
}

void Engine::LoseLease(const TaskSlot& task) {
  lost_.push_back({state_.HolderOf(task), task.image.token()});
  const int64_t lease_ms = state_.queue(task.image.queue).policy.lease_ms;
  auto error = std::make_shared<TaskError>(TaskError{
      "lease_expired", "the worker " + state_.HolderOf(task).worker +
                           " did not renew its lease within " + std::to_string(lease_ms) + " ms"});
  Fail(task, std::move(error), false, true);
}

void Engine::Bury(TaskId id, TaskError error) {
  const TaskSlot* task = state_.Find(id);
  if (task == nullptr || IsTerminal(task->image.state)) return;
  if (task->image.state == TaskState::kRunning)
    lost_.push_back({state_.HolderOf(*task), task->image.token()});
  Fail(*task, std::make_shared<TaskError>(std::move(error)), false, false);
}

}  // namespace treadle
