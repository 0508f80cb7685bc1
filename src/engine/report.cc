// Report: a worker says how its attempt ended; and leases that end without a word.

#include <algorithm>

#include "base/check.h"
#include "engine/engine.h"
#include "engine/task_refusal.h"

namespace treadle {
namespace {

// A handler that snoozes for too short a time, again and again, would keep the server and a worker
// busy with nothing. A few times it may.
constexpr uint32_t kUnspentBeforeFloor = 10;
constexpr int64_t kSnoozeFloorMs = 100;

Status NoSuchTask(TaskId id) {
  return {Code::kNotFound, "there is no task " + id.ToString() + ", or it is no longer kept"};
}

// Whether this report was taken before, and the task was not leased since. A worker that says first
// one thing and then another learns that the second had no effect.
bool WasTaken(const TaskImage& image, const Report& report) {
  const bool says_completed = report.kind == Report::Kind::kCompleted;
  return image.reported && image.token() == report.token && image.state != TaskState::kRunning &&
         says_completed == (image.state == TaskState::kCompleted);
}

}  // namespace

Outcome<bool> Engine::Apply(const Report& report, const TaskRecord* loaded, bool was_loaded) {
  const TaskSlot* task = state_.Find(report.token.task);
  if (task == nullptr) return ApplyLate(report, loaded, was_loaded);
  if (task->state != TaskState::kRunning || task->token() != report.token) {
    if (WasTaken(task->image(), report)) return true;
    return LeaseIsLost(report.token);
  }
  // A log with a gap is no reason to refuse how the attempt ended.
  if (report.log) static_cast<void>(Save({.token = report.token, .log = report.log}));
  switch (report.kind) {
    case Report::Kind::kCompleted:
      Complete(*task, report);
      break;
    case Report::Kind::kFailed: {
      TaskImage image = task->image();
      image.reported = true;
      image.apart = false;  // its worker lives
      Fail(image, AttemptOutcome::kFailed, report.error, report.retry, report.delay_ms);
      break;
    }
    case Report::Kind::kReleased:
      Release(*task, /*is_by_worker=*/true);
      break;
    case Report::Kind::kSnoozed:
      Snooze(*task, report.delay_ms.value_or(0));
      break;
    case Report::Kind::kDiscarded:
      Discard(*task, report.error);
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

// Sets what a task has when it has ended in this state.
TaskImage Engine::Ended(TaskImage image, TaskState state) const {
  image.state = state;
  image.by_shard_time = false;
  image.cancel_requested = false;
  image.exchange = 0;
  image.ordinal = state_.queue(image.queue).counters.of(state).next;
  image.when_ms = state_.now().ms;
  image.finished_at = time_.wall;
  return image;
}

void Engine::Complete(const TaskSlot& task, const Report& report) {
  TaskImage image = Ended(task.image(), TaskState::kCompleted);
  image.reported = true;
  image.apart = false;
  ended_.push_back(image.id);
  Emit(TaskIsNow{.image = image, .result = report.result});
  if (image.has_terms) ReleaseKey(image, Unique::kDone);
}

void Engine::End(TaskImage image, TaskState state, AttemptOutcome outcome,
                 std::shared_ptr<const TaskError> error) {
  const TaskSlot* const found = state_.Find(image.id);
  TREADLE_CHECK(found != nullptr && !IsTerminal(found->state));  // a task ends once
  const TaskSlot& task = *found;
  TaskIsNow effect{.image = Ended(image, state), .error = std::move(error)};
  ended_.push_back(image.id);
  if (task.state == TaskState::kRunning) NoteEndOfAttempt(task, outcome, 0, &effect);
  Emit(effect);
  if (image.has_terms) ReleaseKey(image, Unique::kDone);
}

// What its worker may still report of it is no repeat of this.
void Engine::ReturnLease(const Token& token) {
  const TaskSlot* task = state_.Find(token.task);
  if (task == nullptr || task->state != TaskState::kRunning || task->token() != token) return;
  Release(*task, /*is_by_worker=*/false);
}

void Engine::Release(const TaskSlot& task, bool is_by_worker) {
  TREADLE_CHECK(task.state == TaskState::kRunning);
  TaskImage image = task.image();
  image.unspent += 1;
  image.reported = is_by_worker;
  if (image.cancel_requested)
    return End(image, TaskState::kCancelled, AttemptOutcome::kCancelled, nullptr);
  image.exchange = 0;
  image.state = TaskState::kReady;
  image.when_ms = ReadySince(image);  // released, perhaps by the server: it has not shown yet
  TaskIsNow effect{.image = image};
  NoteEndOfAttempt(task, AttemptOutcome::kReleased, 0, &effect);
  Emit(effect);
  if (image.has_terms) ReleaseKey(image, Unique::kRunning);
}

void Engine::Snooze(const TaskSlot& task, int64_t delay_ms) {
  TREADLE_CHECK(task.state == TaskState::kRunning && delay_ms >= 0);
  TaskImage image = task.image();
  if (image.unspent >= kUnspentBeforeFloor) delay_ms = std::max(delay_ms, kSnoozeFloorMs);
  if (delay_ms == 0 || task.cancel_requested) return Release(task, /*is_by_worker=*/true);
  image.unspent += 1;
  image.reported = true;
  image.apart = false;
  image.exchange = 0;
  image.state = TaskState::kScheduled;
  image.by_shard_time = true;
  image.when_ms = (state_.now() + delay_ms).ms;
  TaskIsNow effect{.image = image};
  NoteEndOfAttempt(task, AttemptOutcome::kSnoozed, delay_ms, &effect);
  Emit(effect);
  if (image.has_terms) ReleaseKey(image, Unique::kRunning);
}

void Engine::Discard(const TaskSlot& task, std::shared_ptr<const TaskError> why) {
  TREADLE_CHECK(task.state == TaskState::kRunning);
  TaskImage image = task.image();
  image.reported = true;
  image.apart = false;
  if (image.cancel_requested)
    return End(image, TaskState::kCancelled, AttemptOutcome::kCancelled, nullptr);
  End(image, TaskState::kCancelled, AttemptOutcome::kDiscarded, std::move(why));
}

// Says which setting it was, unless that was changed while the attempt ran.
std::string Engine::WhyRevoked(const TaskImage& image, const LeaseHolder& holder) const {
  const AttemptTimeout timeout = AttemptTimeoutOf(image, state_.TermsOf(image));
  const std::string who = "worker " + holder.worker + " did not finish ";
  if (timeout.ms == 0)
    return who + "within the attempt timeout that applied when the attempt began";
  return who + "within " + std::to_string(timeout.ms) + " ms: " + timeout.Text() +
         "; raise that setting if the task needs longer";
}

void Engine::LoseLease(const TaskSlot& task) {
  TREADLE_CHECK(task.state == TaskState::kRunning && state_.TimerOf(task) <= state_.now());
  TaskImage image = task.image();
  const LeaseHolder& holder = state_.HolderOf(task);
  lost_.push_back({holder, image.token()});
  // A worker that dies with many tasks was killed by one of them, or by none: machines also fail.
  // The first loss is counted for each, and that is all. A task that is lost again runs alone from
  // then on, and only a loss of one that ran alone counts: so it is clear which one kills workers.
  const bool was_alone = !task.shared && task.previous == kNoSlot && task.next == kNoSlot;
  state_.NoteSharedLoss(task);
  const bool is_revoked = image.when_ms != 0 && image.when_ms <= state_.now().ms;
  if (is_revoked) {
    return Fail(
        image, AttemptOutcome::kTimedOut,
        std::make_shared<TaskError>(TaskError{"attempt_timeout", WhyRevoked(image, holder)}), true,
        std::nullopt);
  }
  const QueuePolicy& policy = state_.queue(image.queue).policy;
  const bool is_first = image.worker_losses == 0 && !image.apart && policy.max_worker_losses > 1;
  const bool counts = is_first || was_alone;
  image.apart = !is_first;
  std::string said = "the worker " + holder.worker + " did not renew its lease within " +
                     std::to_string(policy.LeaseMsAt(state_.now())) + " ms";
  if (!counts) said += "; it also held other tasks, so next time this one runs without others";
  if (counts && image.worker_losses < UINT16_MAX) image.worker_losses += 1;
  if (!counts || image.worker_losses < policy.max_worker_losses)
    return Fail(image, AttemptOutcome::kLost,
                std::make_shared<TaskError>(TaskError{"lease_expired", said}), true, std::nullopt);
  Fail(image, AttemptOutcome::kLost,
       std::make_shared<TaskError>(TaskError{
           "worker_lost",
           std::to_string(image.worker_losses) + " workers were lost while running it; " + said}),
       false, std::nullopt);
}

void Engine::Bury(TaskId id, TaskError error) {
  const TaskSlot* task = state_.Find(id);
  if (task == nullptr || IsTerminal(task->state)) return;
  if (task->state == TaskState::kRunning) lost_.push_back({state_.HolderOf(*task), task->token()});
  End(task->image(), TaskState::kDead, AttemptOutcome::kFailed,
      std::make_shared<TaskError>(std::move(error)));
}

}  // namespace treadle
