#include "sim/history.h"

#include <algorithm>
#include <numeric>

namespace treadle::sim {
namespace {

using Kind = TaskCommand::Kind;

// A lease whose answer was lost is sent again to the same exchange while it lasts.
constexpr int64_t kGivenAgainMs = 60'000;
// Timers are late by at most this much, including stalls of the disk.
constexpr int64_t kLateMs = 30'000;
constexpr size_t kViolationsMax = 20;  // per run; more add nothing

// A checkpoint has no name.
const SavedBytes* FindSaved(const TaskSaved& saved, const std::string& name) {
  if (name.empty()) return saved.checkpoint ? &*saved.checkpoint : nullptr;
  const auto found = saved.steps.find(name);
  return found == saved.steps.end() ? nullptr : &found->second;
}

}  // namespace

void History::Violation(const std::string& what) {
  scheduler_->Trace("violation: " + what);
  if (violations_.size() < kViolationsMax) violations_.push_back(what);
}

History::Moment History::Now() const {
  return {scheduler_->MonotonicMs(), forward_ms_, lag_ms_, scheduler_->Wall()};
}

void History::ShardTimeMoved(int64_t by_ms) {
  forward_ms_ += std::max<int64_t>(by_ms, 0);
  lag_ms_ += std::max<int64_t>(-by_ms, 0);
}

TypeHistory::Span History::Since(const Moment& asked) const {
  return {asked.ms, scheduler_->MonotonicMs()};
}

void History::Refused(const std::vector<NewTask>& batch, const Status& status,
                      const Moment& asked) {
  if (status.code() == Code::kInvalidArgument) types_.Refused(batch, Since(asked));
}

void History::Accepted(const NewTask& task, const EnqueueReply::Task& answer, const Moment& asked) {
  const TaskId id = answer.id;
  const std::string& key = task.body->idempotency_key;
  const Moment now = Now();
  bool is_first_of_key = true;
  if (task.unique == Unique::kNo && task.on_duplicate == OnDuplicate::kReturn) {
    const auto [it, is_first] = keys_.try_emplace(key, Key{id, asked, task.idempotency_window_ms});
    Key& before = it->second;
    is_first_of_key = is_first;
    const bool is_within =
        before.window_ms == 0 ||
        now.ms + now.forward_ms < before.asked.ms + before.asked.forward_ms + before.window_ms;
    if (!is_first && before.task != id && is_within && !tasks_[before.task].may_be_deleted)
      Violation("key " + key + " admitted two tasks: " + before.task.ToString() + " and " +
                id.ToString());
    if (before.task != id) before = {id, asked, task.idempotency_window_ms};
    const auto [owner, is_new] = key_of_.emplace(id, key);
    if (owner->second != key)
      Violation("keys " + key + " and " + owner->second + " were both answered with " +
                id.ToString());
  }
  // Otherwise the reply may be for an earlier request whose answer nobody received.
  if (is_first_of_key || !answer.duplicate) types_.Accepted(task, id, Since(asked));
  Known& known = tasks_[id];
  if (known.accepted) return;
  known.accepted = true;
  known.queue = task.queue;
  known.accepted_at = now;
  known.payloads.insert(task.body->payload);
  known.all_payloads.insert(task.body->payload);
  accepted_.push_back(id);
  const QueueRules& rules = rules_[task.queue];
  known.may_be_cancelled |= rules.sheds;
  known.may_be_forgotten |= rules.forgets;
  known.may_be_deleted |= task.on_duplicate == OnDuplicate::kReplace;
  if (task.unique == Unique::kDone) {
    known.unique_key = key;
    by_unique_key_[key].insert(id);
  }
  // The server accepted it before this answer arrived, so it expires no later than this.
  known.may_expire = task.expires_ms.has_value();
  if (task.expires_ms) known.last_lease_ms = now.ms + *task.expires_ms + kGivenAgainMs;
  if (task.deadline_ms)
    known.last_lease_ms =
        std::min(known.last_lease_ms.value_or(INT64_MAX), now.ms + *task.deadline_ms);
  if (answer.duplicate) return;  // it was first requested at an unknown earlier time
  known.run_at = task.run_at.value_or(WallTime{});
  if (task.delay_ms) known.not_before = NotBefore{asked, *task.delay_ms, 0};
}

bool History::IsStillValid(const Known::Lease& lease) const {
  const int64_t ahead = forward_ms_ - lease.asked.forward_ms;
  return scheduler_->MonotonicMs() < std::min(lease.valid_until_ms, lease.revoked_ms - ahead);
}

void History::CheckTime(const Token& token, const Known& task) {
  const std::string id = token.task.ToString();
  const int64_t now_ms = scheduler_->MonotonicMs();
  if (task.last_lease_ms && !task.may_be_redriven &&
      now_ms > *task.last_lease_ms + (lag_ms_ - task.accepted_at.lag_ms) + kLateMs)
    Violation(id + " was leased after its time was over");
  if (task.may_be_run_early || any_may_run_early_ || task.may_be_redriven) return;
  if (scheduler_->LatestWall() < task.run_at) Violation(id + " was leased before its time");
  const auto& wait = task.not_before;
  if (!wait || token.attempt <= wait->attempt) return;
  const int64_t ahead = forward_ms_ - wait->asked.forward_ms;
  const int64_t early_ms = wait->asked.ms + wait->delay_ms - ahead - now_ms;
  if (early_ms > 0)
    Violation(id + " was leased " + std::to_string(early_ms) + " ms before its time");
}

void History::CheckNobodyElseHolds(const treadle::Leased& given, const Known& task,
                                   const Moment& asked) {
  const Token& token = given.token;
  if (task.may_be_cancelled || task.may_be_redriven || task.may_be_deleted) return;
  for (const auto& [held, lease] : task.leases)
    if (held.attempt < token.attempt && !task.may_be_released && IsStillValid(lease))
      Violation(token.ToString() + " was leased while the lease " + held.ToString() + " is valid");
  CheckUniqueKey(given, task, asked);
}

// A key belongs to one queue. A moved task takes its key along, and another task may hold the same
// key in the queue it left.
void History::CheckUniqueKey(const treadle::Leased& given, const Known& task, const Moment& asked) {
  const TaskId id = given.token.task;
  if (task.unique_key.empty()) return;
  for (const TaskId other : by_unique_key_[task.unique_key]) {
    const Known& twin = tasks_[other];
    if (other == id || twin.may_be_redriven || twin.may_be_cancelled || twin.may_be_released)
      continue;
    for (const auto& [held, lease] : twin.leases)
      if (lease.queue == given.queue && lease.told_ms < asked.ms && IsStillValid(lease))
        Violation(id.ToString() + " and " + other.ToString() + " of the unique key " +
                  task.unique_key + " run at once");
  }
}

void History::CheckMayBeLeased(const treadle::Leased& lease, const Known& task,
                               const Moment& asked) {
  const std::string id = lease.token.task.ToString();
  const auto was = [&](const std::optional<int64_t>& ms) { return ms && *ms < asked.ms; };
  if (lease.attempt > lease.max_attempts)
    Violation(id + " is in attempt " + std::to_string(lease.attempt) + " of " +
              std::to_string(lease.max_attempts));
  if (was(task.completed_ms))
    Violation(id + " was leased again after its completion was acknowledged");
  if (was(task.cancelled_ms)) Violation(id + " was leased after it was cancelled");
  if (was(task.deleted_ms)) Violation(id + " was leased after it was deleted");
  if (was(task.cancel_requested_ms) && !task.leases.contains(lease.token))
    Violation(id + " was leased again, although it was to be cancelled");
  const auto& payloads = task.payload_ms < asked.ms ? task.payloads : task.all_payloads;
  if (task.accepted && (lease.body == nullptr || !payloads.contains(lease.body->payload)))
    Violation(id + " was leased with another payload than it was given");
  if (const auto paused = paused_.find(lease.queue);
      paused != paused_.end() && asked.ms > paused->second.ms)
    Violation(id + " was leased while its queue is paused");
}

void History::Saving(const Token& token, const std::string& step, const std::string& result) {
  tasks_[token.task].steps[step].results[token.attempt].insert(result);
}

void History::Saved(const Token& token, const std::string& name, const std::string&) {
  Step& step = tasks_[token.task].steps[name];
  if (step.attempt > token.attempt) return;
  step.attempt = token.attempt;
  step.told_ms = scheduler_->MonotonicMs();
}

// Every later lease contains each saved step, with that result or a newer one.
void History::CheckSteps(const treadle::Leased& lease, const Known& task, const Moment& asked) {
  const std::string id = lease.token.task.ToString();
  for (const auto& [name, step] : task.steps) {
    const SavedBytes* kept = nullptr;
    if (lease.saved != nullptr) kept = FindSaved(*lease.saved, name);
    const bool must = step.attempt != 0 && step.told_ms < asked.ms;
    if (kept == nullptr && must)
      Violation(id + " was leased without its step " + name + ", which was kept");
    if (kept == nullptr) continue;
    bool is_known = false;
    for (auto it = step.results.lower_bound(must ? step.attempt : 0); it != step.results.end();
         ++it)
      is_known |= it->second.contains(kept->bytes);
    if (!is_known) Violation(id + " was leased with an old result of its step " + name);
  }
}

void History::Leased(const treadle::Leased& lease, const Moment& asked) {
  ++leases_;
  Known& task = tasks_[lease.token.task];
  CheckTime(lease.token, task);
  CheckNobodyElseHolds(lease, task, asked);
  CheckMayBeLeased(lease, task, asked);
  CheckSteps(lease, task, asked);
  types_.Leased(lease, Since(asked));
  task.newest_attempt = std::max(task.newest_attempt, lease.token.attempt);
  task.leases[lease.token] = {lease.queue,
                              asked,
                              scheduler_->MonotonicMs(),
                              lease.lease_ms,
                              asked.ms + lease.lease_ms,
                              SaturatingAdd(asked.ms, lease.timeout_ms.value_or(INT64_MAX))};
}

void History::Renewed(const Token& token, const Moment& asked) {
  auto& leases = tasks_[token.task].leases;
  const auto lease = leases.find(token);
  if (lease == leases.end()) return;
  lease->second.valid_until_ms =
      std::max(lease->second.valid_until_ms, asked.ms + lease->second.lease_ms);
}

void History::Lost(const Token& token) {
  trails_.Lost(token);
  Known& task = tasks_[token.task];
  const auto lease = task.leases.find(token);
  if (lease == task.leases.end()) return;
  if (!task.may_be_cancelled && !task.may_be_redriven && !task.may_be_released &&
      IsStillValid(lease->second))
    Violation("the lease " + token.ToString() + " was lost while it is valid");
  task.leases.erase(lease);
}

void History::Reporting(const Report& report) {
  trails_.Reporting(report);
  Known& task = tasks_[report.token.task];
  if (report.kind == Report::Kind::kDiscarded) task.may_be_cancelled = true;
  task.leases.erase(report.token);
}

void History::Reported(const Report& report, const Status& status, const Moment& asked) {
  types_.Reported(report, status, Since(asked));
  if (status.code() == Code::kInvalidArgument) trails_.Refused(report);
  if (!status.ok()) return;
  trails_.Reported(report);
  const TaskId id = report.token.task;
  Known& task = tasks_[id];
  // A repeated report is accepted as before: what counts is when it first arrived.
  const bool is_first = !task.not_before || task.not_before->attempt < report.token.attempt;
  if (report.delay_ms && is_first)
    task.not_before = NotBefore{asked, *report.delay_ms, report.token.attempt};
  if (report.kind != Report::Kind::kCompleted) return;
  if (!task.completed) ++completions_;
  if (task.completed && *task.completed != report.token)
    Violation(id.ToString() + " was completed by two tokens: " + task.completed->ToString() +
              " and " + report.token.ToString());
  task.completed = report.token;
  if (!task.completed_ms) task.completed_ms = scheduler_->MonotonicMs();
}

void History::Asked(const TaskCommand& command) {
  Known& task = tasks_[command.id];
  if (command.kind == Kind::kCancel) task.may_be_cancelled = true;
  if (command.kind == Kind::kDelete) task.may_be_deleted = true;
  if (command.kind == Kind::kRelease) task.may_be_released = true;
  task.may_be_moved |= command.edit.queue.has_value();
  if (command.kind == Kind::kRunNow || command.edit.has_time()) task.may_be_run_early = true;
  if (command.kind == Kind::kRedrive) {
    types_.MayBeRedriven(command.id);
    task.cancelled_ms.reset();
    task.cancel_requested_ms.reset();
    task.may_be_redriven = true;
    task.ended.reset();
  }
  if (!command.edit.payload) return;
  task.payloads.insert(command.edit.payload->payload);
  task.all_payloads.insert(command.edit.payload->payload);
}

void History::Answered(const TaskCommand& command, const Result<TaskStanding>& answer,
                       const Moment& asked) {
  const TaskId id = command.id;
  Known& task = tasks_[id];
  if (!answer.ok()) {
    if (answer.status().code() == Code::kNotFound && !task.may_be_deleted && !task.may_be_forgotten)
      Violation(id.ToString() + " was accepted and is not found: " + answer.status().message());
    return;
  }
  const int64_t now_ms = scheduler_->MonotonicMs();
  if (task.deleted_ms) Violation(id.ToString() + " was deleted but still accepts commands");
  if (command.kind == Kind::kCancel && answer->state == TaskState::kCancelled)
    task.cancelled_ms = now_ms;
  if (command.kind == Kind::kCancel && answer->cancel_requested) task.cancel_requested_ms = now_ms;
  if (command.kind == Kind::kDelete) task.deleted_ms = now_ms;
  if (!command.edit.payload) return;
  types_.Edited(id, *command.edit.payload, Since(asked));
  // Whatever the payload was before, this is the only one allowed from now on.
  task.payloads = {command.edit.payload->payload};
  task.payload_ms = now_ms;
}

bool History::IsUntouched(TaskId id) {
  const Known& task = tasks_[id];
  return !task.may_be_deleted && !task.may_be_cancelled && !task.may_be_redriven &&
         !task.may_be_moved;
}

void History::QueueDeleted(const std::string& queue, const Moment& asked) {
  for (const TaskId id : accepted_) {
    Known& task = tasks_[id];
    if (task.queue != queue || task.may_be_moved || task.deleted_ms) continue;
    for (const auto& [held, lease] : task.leases)
      if (lease.told_ms < asked.ms && IsStillValid(lease) && IsUntouched(id) &&
          !task.may_be_released)
        Violation("queue " + queue + " was deleted while the lease " + held.ToString() +
                  " is valid");
    task.may_be_deleted = true;
    task.deleted_ms = scheduler_->MonotonicMs();
  }
}

void History::PauseAsked(const std::string& queue, bool paused) {
  if (!paused) paused_.erase(queue);
}

void History::PauseAnswered(const std::string& queue, bool paused) {
  if (paused) paused_.emplace(queue, Now());
}

History::Told History::Asking(TaskId id) {
  const Known& task = tasks_[id];
  return {Now(), task.newest_attempt, task.ended};
}

void History::Seen(TaskId id, const Told& told, const Result<TaskView>& view) {
  Known& task = tasks_[id];
  if (view.status().code() == Code::kUnavailable) return;  // the server is stopping
  if (!view.ok()) {
    const bool may_be_gone = task.may_be_deleted || task.may_be_forgotten;
    if (view.status().code() != Code::kNotFound || !may_be_gone)
      Violation(id.ToString() + " was accepted and is lost: " + view.status().message());
    return;
  }
  const TaskImage& image = view->task.image;
  // No disk of the simulation damages data in the store.
  if (view->task.error != nullptr && view->task.error->code == "payload_damaged")
    Violation(id.ToString() + " was buried as damaged: " + view->task.error->message);
  trails_.SeenResult(*view);
  CheckState(id, task, told, image);
  const auto& payloads = task.payload_ms < told.asked.ms ? task.payloads : task.all_payloads;
  if (view->task.body == nullptr || !payloads.contains(view->task.body->payload))
    Violation(id.ToString() + " has another payload than it was given");
  task.newest_attempt = std::max(task.newest_attempt, image.attempt);
  if (IsTerminal(image.state) && !task.may_be_redriven) task.ended = image.state;
}

void History::CheckState(TaskId id, const Known& task, const Told& told, const TaskImage& image) {
  const std::string name = id.ToString();
  const auto was = [&](const std::optional<int64_t>& ms) { return ms && *ms < told.asked.ms; };
  if (was(task.deleted_ms)) Violation(name + " was deleted but still exists");
  if (was(task.completed_ms) && image.state != TaskState::kCompleted)
    Violation(name + " was acknowledged as completed but is not completed");
  if (was(task.cancelled_ms) && image.state != TaskState::kCancelled)
    Violation(name + " was acknowledged as cancelled but is not cancelled");
  if (image.state == TaskState::kExpired && !task.may_expire)
    Violation(name + " expired without an expiry");
  if (image.state == TaskState::kCancelled && !task.may_be_cancelled)
    Violation(name + " is cancelled, but nobody requested that");
  if (was(task.cancel_requested_ms) && image.state != TaskState::kCompleted &&
      image.state != TaskState::kCancelled && !image.cancel_requested)
    Violation(name + " has an acknowledged cancel request but keeps running");
  if (image.spent() > image.max_attempts) Violation(name + " had too many attempts");
  if (image.attempt < told.attempt)
    Violation(name + " was last seen in attempt " + std::to_string(told.attempt) + " and is in " +
              std::to_string(image.attempt));
  if (told.ended && *told.ended != image.state && !task.may_be_redriven)
    Violation(name + " was last seen as " + std::string(*TaskStateName(*told.ended)) + " and is " +
              std::string(*TaskStateName(image.state)));
}

void History::SeenQueues(const std::vector<QueueView>& queues) {
  for (const QueueView& queue : queues) {
    const CountersAreNow& counters = queue.counters;
    const uint64_t there = std::accumulate(queue.tasks.begin(), queue.tasks.end(), uint64_t{0});
    const uint64_t gone =
        std::accumulate(counters.removed.begin(), counters.removed.end(), uint64_t{0});
    if (counters.accepted != there + gone)
      Violation("queue " + queue.name + " accepted " + std::to_string(counters.accepted) +
                " tasks, " + std::to_string(there) + " are there and " + std::to_string(gone) +
                " were removed");
    uint64_t& most = queue_accepted_[queue.name];
    if (counters.accepted < most)
      Violation("queue " + queue.name + " had accepted " + std::to_string(most) +
                " tasks, and now " + std::to_string(counters.accepted));
    most = std::max(most, counters.accepted);
    uint64_t live = 0;
    for (const TaskState state : kTaskStates)
      if (!IsTerminal(state)) live += queue.tasks[static_cast<size_t>(state)];
    const int64_t capacity = rules_[queue.name].capacity;
    if (capacity != 0 && live > static_cast<uint64_t>(capacity))
      Violation("queue " + queue.name + " holds " + std::to_string(live) + " of " +
                std::to_string(capacity) + " tasks");
  }
}

void History::Ended(TaskId id, const Told& told, const Result<TaskView>& view) {
  Seen(id, told, view);
  if (view.ok() && !IsTerminal(view->task.image.state)) Violation(id.ToString() + " never ended");
}

}  // namespace treadle::sim
