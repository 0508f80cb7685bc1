// Reference: commands on single tasks.

#include <algorithm>
#include <limits>

#include "tests/model/reference.h"

namespace treadle::model {
namespace {

bool Waits(const ReferenceTask& task) {
  return task.state == TaskState::kScheduled || task.state == TaskState::kReady ||
         task.state == TaskState::kRetrying;
}

// Sets `to`. Returns whether that changed it.
template <class T, class U>
bool Set(T* to, const U& value) {
  const bool changed = *to != value;
  *to = value;
  return changed;
}

}  // namespace

std::pair<Code, TaskStanding> Reference::Do(const TaskCommand& command) {
  const auto it = tasks_.find(command.id);
  if (it == tasks_.end()) return {Code::kNotFound, {}};
  ReferenceTask& task = it->second;
  bool changed = true;
  Code code = Code::kOk;
  switch (command.kind) {
    case TaskCommand::Kind::kRunNow:
      code = RunNow(&task, &changed);
      break;
    case TaskCommand::Kind::kCancel:
      code = Cancel(&task, &changed);
      break;
    case TaskCommand::Kind::kRedrive:
      code = Redrive(&task, &changed);
      break;
    case TaskCommand::Kind::kEdit:
      code = Edit(&task, command.edit, &changed);
      break;
    case TaskCommand::Kind::kRelease:
      code = TakeBack(&task, &changed);
      break;
    case TaskCommand::Kind::kDelete:
      if (task.state == TaskState::kRunning) return {Code::kFailedPrecondition, {}};
      const TaskStanding last{task.id, task.state, false, true};
      Delete(task);
      return {Code::kOk, last};
  }
  return {code, {task.id, task.state, task.cancel_requested, changed}};
}

Code Reference::RunNow(ReferenceTask* task, bool* changed) {
  if (IsTerminal(task->state)) return Code::kFailedPrecondition;
  *changed = task->state == TaskState::kScheduled || task->state == TaskState::kRetrying;
  if (*changed) MakeReady(task);
  return Code::kOk;
}

Code Reference::Cancel(ReferenceTask* task, bool* changed) {
  *changed = task->state != TaskState::kCancelled && !task->cancel_requested;
  if (!*changed) return Code::kOk;
  if (IsTerminal(task->state)) return Code::kFailedPrecondition;
  task->error_code = "asked";
  if (task->state != TaskState::kRunning) return End(task, TaskState::kCancelled), Code::kOk;
  task->cancel_requested = true;
  const int64_t end_ms = shard_ms + policy.cancel_grace_ms;
  task->revoke_ms = task->revoke_ms == 0 ? end_ms : std::min(task->revoke_ms, end_ms);
  Lease(task);
  return Code::kOk;
}

Code Reference::Redrive(ReferenceTask* task, bool*) {
  if (!IsTerminal(task->state) || task->state == TaskState::kCompleted)
    return Code::kFailedPrecondition;
  const bool is_unique = task->unique != Unique::kNo;
  if (is_unique && OtherHasKey(*task, task->queue)) return Code::kAlreadyExists;
  if (policy.capacity.tasks != 0 &&
      !MakeRoomIn(task->queue, LiveIn(task->queue) + 1 - policy.capacity.tasks, task->priority, {}))
    return Code::kResourceExhausted;
  if (is_unique)
    keys_[{task->queue, task->key}] = {task->request, task->id,
                                       std::numeric_limits<int64_t>::max()};
  MakeReady(task);
  task->spent = 0;
  task->worker_losses = 0;
  task->first_failure_ms = 0;
  if (task->expires_ms <= shard_ms) task->expires_ms = 0;
  if (task->deadline_ms <= shard_ms) task->deadline_ms = 0;
  return Code::kOk;
}

// Moves room and key to the other queue. The task itself stays where it was.
Code Reference::MoveTo(ReferenceTask* task, const TaskEdit& edit) {
  const auto key = keys_.find({task->queue, task->key});
  const bool has_key =
      task->unique != Unique::kNo && key != keys_.end() && key->second.task == task->id;
  if (has_key && OtherHasKey(*task, *edit.queue)) return Code::kAlreadyExists;
  if (policy.capacity.tasks != 0 &&
      !MakeRoomIn(*edit.queue, LiveIn(*edit.queue) + 1 - policy.capacity.tasks,
                  edit.priority.value_or(task->priority), {}))
    return Code::kResourceExhausted;
  if (!has_key) return Code::kOk;
  const Key held = key->second;
  keys_.erase(key);
  keys_[{*edit.queue, task->key}] = held;
  return Code::kOk;
}

Code Reference::Edit(ReferenceTask* task, const TaskEdit& edit, bool* changed) {
  const bool may_be_redriven = IsTerminal(task->state) && task->state != TaskState::kCompleted;
  if (!Waits(*task) && !may_be_redriven) return Code::kFailedPrecondition;
  if (may_be_redriven && (edit.queue || edit.has_time())) return Code::kFailedPrecondition;
  if (edit.max_attempts && Waits(*task) && *edit.max_attempts <= task->spent)
    return Code::kInvalidArgument;
  if (edit.queue && *edit.queue != task->queue)
    if (const Code code = MoveTo(task, edit); code != Code::kOk) return code;
  *changed = edit.payload != nullptr;
  if (edit.payload) task->payload = edit.payload->payload;
  if (edit.queue && Set(&task->queue, *edit.queue)) {
    *changed = true;
    ++moved;
    ++accepted;
  }
  if (edit.priority) *changed |= Set(&task->priority, *edit.priority);
  if (edit.max_attempts) *changed |= Set(&task->max_attempts, *edit.max_attempts);
  if (edit.has_time()) {
    const bool is_due = edit.run_at ? edit.run_at->ms <= wall_ms : *edit.delay_ms == 0;
    *changed |= Set(&task->state, is_due ? TaskState::kReady : TaskState::kScheduled);
    if (is_due && task->apart) *changed |= Set(&task->ready_since_ms, shard_ms);
    if (!is_due) {
      *changed |= Set(&task->by_shard_time, !edit.run_at);
      *changed |= Set(&task->due_ms, edit.run_at ? edit.run_at->ms : shard_ms + *edit.delay_ms);
    }
  }
  return Code::kOk;
}

Code Reference::TakeBack(ReferenceTask* task, bool* changed) {
  if (IsTerminal(task->state)) return Code::kFailedPrecondition;
  *changed = task->state == TaskState::kRunning;
  if (!*changed) return Code::kOk;
  ReleaseKey(*task, Unique::kRunning);
  Note(task, AttemptOutcome::kReleased);
  task->reported = false;
  task->spent -= 1;
  if (task->cancel_requested) return End(task, TaskState::kCancelled), Code::kOk;
  task->error_code = "released_by_hand";
  MakeReady(task);
  return Code::kOk;
}

Code Reference::Delete(const ReferenceTask& task) {
  const auto key = keys_.find({task.queue, task.key});
  if (key != keys_.end() && key->second.task == task.id) keys_.erase(key);
  tasks_.erase(task.id);
  ++deleted;
  return Code::kOk;
}

std::vector<Token> Reference::CancelRequestsOf(const LeaseHolder& holder) const {
  std::vector<Token> tokens;
  for (const auto& [id, task] : tasks_)
    if (task.state == TaskState::kRunning && task.cancel_requested && task.holder == holder)
      tokens.push_back(task.token());
  return tokens;
}

}  // namespace treadle::model
