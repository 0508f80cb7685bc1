#include "tests/model/reference.h"

#include <algorithm>
#include <limits>
#include <set>

#include "model/limits.h"

namespace treadle::model {
namespace {

std::string RequestOf(const NewTask& task) {
  return task.type + "|" + task.body->payload + "|" + std::to_string(task.priority) + "|" +
         std::to_string(task.max_attempts) + "|" +
         std::to_string(task.run_at.value_or(WallTime{}).ms) + "|" +
         std::to_string(task.delay_ms.value_or(0)) + "|" +
         std::to_string(task.expires_ms.value_or(0)) + "|" +
         std::to_string(task.deadline_ms.value_or(0)) + "|" +
         std::to_string(task.attempt_timeout_ms) + "|" +
         (task.retry ? std::to_string(task.retry->max_attempts) : "-") + "|" +
         std::to_string(static_cast<int>(task.unique));
}

template <class T>
bool Contains(const std::vector<T>& values, const T& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

Result<std::vector<EnqueueReply::Task>> Reference::Enqueue(const std::vector<NewTask>& tasks) {
  const Reference before = *this;
  std::vector<EnqueueReply::Task> answer;
  std::map<std::string, TaskId> own;  // keys of this batch
  for (const NewTask& task : tasks) {
    const Result<EnqueueReply::Task> one = EnqueueOne(task, &own);
    if (!one.ok()) {
      *this = before;
      return one.status();
    }
    answer.push_back(*one);
  }
  if (!MakeRoom(tasks, answer)) {
    *this = before;
    return Status(Code::kResourceExhausted, "full");
  }
  return answer;
}

Result<EnqueueReply::Task> Reference::EnqueueOne(const NewTask& task,
                                                 std::map<std::string, TaskId>* own) {
  const Status taken(Code::kAlreadyExists, "taken");
  const std::pair key(task.queue, task.body->idempotency_key);
  EnqueueReply::Task answer;
  if (!key.second.empty()) {
    const auto it = keys_.find(key);
    const bool is_taken = it != keys_.end() && it->second.expires_ms > shard_ms;
    if (const auto twin = own->find(key.first + "/" + key.second); twin != own->end()) {
      if (it->second.request != RequestOf(task) || task.on_duplicate != OnDuplicate::kReturn)
        return taken;
      return EnqueueReply::Task{.id = twin->second, .duplicate = true};
    }
    if (is_taken && task.on_duplicate == OnDuplicate::kReplace) {
      const auto old = tasks_.find(it->second.task);
      if (old == tasks_.end() || old->second.attempt > 0 || IsTerminal(old->second.state))
        return taken;
      answer.replaced = old->first;
      tasks_.erase(old);
      ++replaced;
    } else if (is_taken) {
      if (task.on_duplicate == OnDuplicate::kRefuse || it->second.request != RequestOf(task))
        return taken;
      own->emplace(key.first + "/" + key.second, it->second.task);
      return EnqueueReply::Task{.id = it->second.task, .duplicate = true};
    }
  }
  ReferenceTask made;
  made.id = answer.id = TaskId::Of(1, next_++);
  made.queue = task.queue;
  made.type = task.type;
  made.payload = task.body->payload;
  made.key = task.body->idempotency_key;
  made.request = RequestOf(task);
  made.unique = task.unique;
  made.priority = task.priority;
  made.retry = task.retry;
  made.attempt_timeout_ms = task.attempt_timeout_ms;
  if (task.expires_ms) made.expires_ms = shard_ms + *task.expires_ms;
  if (task.deadline_ms) made.deadline_ms = shard_ms + *task.deadline_ms;
  made.max_attempts = task.max_attempts != 0
                          ? task.max_attempts
                          : (task.retry ? *task.retry : policy.retry).max_attempts;
  if (task.run_at && task.run_at->ms > wall_ms) Schedule(&made, task.run_at->ms, false);
  if (task.delay_ms.value_or(0) > 0) Schedule(&made, shard_ms + *task.delay_ms, true);
  if (!key.second.empty()) {
    const int64_t window =
        task.idempotency_window_ms != 0 ? task.idempotency_window_ms : policy.idempotency_window_ms;
    keys_[key] = {
        RequestOf(task), made.id,
        task.unique == Unique::kNo ? shard_ms + window : std::numeric_limits<int64_t>::max()};
    own->emplace(key.first + "/" + key.second, made.id);
  }
  tasks_.emplace(made.id, made);
  ++accepted;
  return answer;
}

// Called with the batch already in. Sheds the excess from tasks with a lower priority than the
// whole batch. False if that is not enough.
bool Reference::MakeRoom(const std::vector<NewTask>& tasks,
                         const std::vector<EnqueueReply::Task>& answer) {
  for (const std::string queue : {"default", "billing.invoices"}) {
    uint8_t least = 9;
    bool brings = false;
    std::set<TaskId> come;
    for (size_t i = 0; i < tasks.size(); ++i) {
      if (tasks[i].queue != queue || answer[i].duplicate) continue;
      brings = true;
      least = std::min(least, tasks[i].priority);
      come.insert(answer[i].id);
    }
    if (!brings || policy.capacity.tasks == 0) continue;
    if (!MakeRoomIn(queue, LiveIn(queue) - policy.capacity.tasks, least, come)) return false;
  }
  return true;
}

int64_t Reference::LiveIn(const std::string& queue) const {
  return std::count_if(tasks_.begin(), tasks_.end(), [&](const auto& each) {
    return each.second.queue == queue && !IsTerminal(each.second.state);
  });
}

// Sheds `excess` tasks with a priority below `least`, but none of `come`.
bool Reference::MakeRoomIn(const std::string& queue, int64_t excess, uint8_t least,
                           const std::set<TaskId>& come) {
  std::vector<ReferenceTask*> victims;
  for (auto& [id, task] : tasks_)
    if (task.queue == queue && task.state == TaskState::kReady && task.priority < least &&
        !task.apart && !come.contains(id))
      victims.push_back(&task);
  if (excess <= 0) return true;
  if (!policy.capacity.shed || static_cast<int64_t>(victims.size()) < excess) return false;
  std::sort(victims.begin(), victims.end(), [](const ReferenceTask* a, const ReferenceTask* b) {
    return a->priority != b->priority ? a->priority < b->priority : a->id > b->id;
  });
  for (int64_t i = 0; i < excess; ++i) {
    victims[static_cast<size_t>(i)]->error_code = "shed";
    End(victims[static_cast<size_t>(i)], TaskState::kCancelled);
  }
  return true;
}

bool Reference::OtherHasKey(const ReferenceTask& task, const std::string& queue) const {
  const auto key = keys_.find({queue, task.key});
  return key != keys_.end() && key->second.expires_ms > shard_ms && key->second.task != task.id;
}

void Reference::Schedule(ReferenceTask* task, int64_t due_ms, bool by_shard_time) {
  task->state = TaskState::kScheduled;
  task->due_ms = due_ms;
  task->by_shard_time = by_shard_time;
}

void Reference::ReleaseKey(const ReferenceTask& task, Unique by_now) {
  if (task.unique == Unique::kNo || task.unique > by_now) return;
  for (auto it = keys_.begin(); it != keys_.end(); ++it)
    if (it->second.task == task.id) {
      keys_.erase(it);
      return;
    }
}

std::vector<Token> Reference::Lease(const LeaseCommand& command) {
  std::vector<Token> leases;
  std::vector<ReferenceTask*> ready;
  for (auto& [id, task] : tasks_) {
    if (task.state == TaskState::kRunning && task.holder == command.holder &&
        task.exchange == command.exchange) {
      Lease(&task);
      leases.push_back(task.token());
    }
    if (task.state == TaskState::kReady && !paused.contains(task.queue) &&
        Contains(command.queues, task.queue) && Contains(command.types, task.type))
      ready.push_back(&task);
  }
  if (!leases.empty()) return leases;
  bool holds = false;
  bool runs_apart = false;
  for (const auto& [id, task] : tasks_)
    if (task.state == TaskState::kRunning && task.holder == command.holder) {
      holds = true;
      runs_apart |= task.apart;
    }
  std::sort(ready.begin(), ready.end(), [](const ReferenceTask* a, const ReferenceTask* b) {
    return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
  });
  if (holds && shard_ms < held_back_since_ms_ + 60'000 && held_back_ == command.holder)
    runs_apart |= std::ranges::any_of(ready, [](const ReferenceTask* task) { return task->apart; });
  bool passes_over = false;  // skips the tasks that run apart
  for (ReferenceTask* task : ready) {
    if (leases.size() == command.want || runs_apart) break;
    if (task->apart && passes_over) continue;
    if (EndIfOutOfTime(task)) continue;  // it returned after it expired, before the next tick
    if (task->apart && (holds || !leases.empty())) {
      if (shard_ms >= task->ready_since_ms + 10'000 && HoldsBack(command.holder)) break;
      passes_over = true;
      continue;
    }
    runs_apart = task->apart;
    if (task->apart) held_back_.reset();
    task->state = TaskState::kRunning;
    task->attempt += 1;
    task->log.clear();
    task->spent += 1;
    task->term = term_;
    task->reported = false;
    task->holder = command.holder;
    task->exchange = command.exchange;
    const int64_t timeout_ms =
        task->attempt_timeout_ms != 0 ? task->attempt_timeout_ms : policy.attempt_timeout_ms;
    task->revoke_ms = timeout_ms == 0 ? 0 : shard_ms + timeout_ms;
    Lease(task);
    ReleaseKey(*task, Unique::kWaiting);
    leases.push_back(task->token());
  }
  return leases;
}

// One worker at a time gets no tasks until it is idle: for a minute. Then no worker is held back
// for a minute.
bool Reference::HoldsBack(const LeaseHolder& holder) {
  if (held_back_ && shard_ms < held_back_since_ms_ + 60'000) return held_back_ == holder;
  if (held_back_ && shard_ms < held_back_since_ms_ + 120'000) return false;
  held_back_ = holder;
  held_back_since_ms_ = shard_ms;
  return true;
}

void Reference::Lease(ReferenceTask* task) const {
  task->shared = false;
  task->lease_end_ms = shard_ms + policy.lease_ms;
  if (task->revoke_ms != 0) task->lease_end_ms = std::min(task->lease_end_ms, task->revoke_ms);
}

Code Reference::Apply(const Report& report) {
  const auto it = tasks_.find(report.token.task);
  if (it == tasks_.end()) return Code::kNotFound;
  ReferenceTask& task = it->second;
  if (task.token() != report.token) return Code::kLeaseLost;
  if (task.state != TaskState::kRunning) {
    const bool says_completed = report.kind == Report::Kind::kCompleted;
    const bool is_completed = task.state == TaskState::kCompleted;
    return task.reported && says_completed == is_completed ? Code::kOk : Code::kLeaseLost;
  }
  if (report.kind != Report::Kind::kCompleted) ReleaseKey(task, Unique::kRunning);
  const bool is_snoozed = report.kind == Report::Kind::kSnoozed;
  int64_t snooze_ms = is_snoozed ? *report.delay_ms : 0;
  if (is_snoozed && task.attempt - task.spent >= 10) snooze_ms = std::max<int64_t>(snooze_ms, 100);
  const bool gave_back = report.kind == Report::Kind::kReleased ||
                         (is_snoozed && (snooze_ms == 0 || task.cancel_requested));
  if (!gave_back) task.apart = false;
  switch (report.kind) {
    case Report::Kind::kCompleted:
      task.reported = true;
      task.result = report.result->bytes;
      End(&task, TaskState::kCompleted);
      break;
    case Report::Kind::kFailed:
      Fail(&task, AttemptOutcome::kFailed, report.error->code, true, report.retry, report.delay_ms);
      break;
    case Report::Kind::kReleased:
      Note(&task, AttemptOutcome::kReleased);
      task.reported = true;
      task.spent -= 1;
      if (task.cancel_requested)
        End(&task, TaskState::kCancelled);
      else
        MakeReady(&task);
      break;
    case Report::Kind::kSnoozed:
      Note(&task, snooze_ms == 0 ? AttemptOutcome::kReleased : AttemptOutcome::kSnoozed);
      task.reported = true;
      task.spent -= 1;
      if (task.cancel_requested) {
        End(&task, TaskState::kCancelled);
      } else {
        MakeReady(&task);
        if (snooze_ms > 0) Schedule(&task, shard_ms + snooze_ms, true);
      }
      break;
    case Report::Kind::kDiscarded:
      Note(&task, AttemptOutcome::kDiscarded);
      task.reported = true;
      if (!task.cancel_requested) task.error_code = report.error->code;
      End(&task, TaskState::kCancelled);
      break;
  }
  return Code::kOk;
}

// An attempt of a task with a cancel request counts as canceled, whatever the attempt reports.
void Reference::Note(ReferenceTask* task, AttemptOutcome how) {
  task->history.emplace_back(task->attempt,
                             task->cancel_requested ? AttemptOutcome::kCancelled : how);
}

Code Reference::Save(const AttemptSave& save) {
  const auto it = tasks_.find(save.token.task);
  if (it == tasks_.end() || it->second.token() != save.token ||
      it->second.state != TaskState::kRunning)
    return Code::kLeaseLost;
  ReferenceTask& task = it->second;
  auto saved = task.saved;
  for (const auto& [name, step] : save.saved.steps) saved[name] = step.bytes;
  if (save.saved.checkpoint) saved[""] = save.saved.checkpoint->bytes;
  size_t bytes = 0;
  for (const auto& [name, value] : saved)
    bytes += (name.empty() ? 0 : 64) + name.size() + value.size();
  if (bytes > limits::kSavedBytes) return Code::kResourceExhausted;
  if (save.log && save.log->offset > task.log.size()) return Code::kInvalidArgument;
  task.saved = std::move(saved);
  if (save.log && save.log->offset + save.log->text.size() > task.log.size())
    task.log += save.log->text.substr(task.log.size() - save.log->offset);
  Lease(&task);
  return Code::kOk;
}

void Reference::Fail(ReferenceTask* task, AttemptOutcome how, const std::string& code,
                     bool reported, bool retry, std::optional<int64_t> delay_ms) {
  Note(task, how);
  task->reported = reported;
  if (task->cancel_requested) return End(task, TaskState::kCancelled);
  task->error_code = code;
  const RetryPolicy& retries = task->retry ? *task->retry : policy.retry;
  if (Contains(retries.always, code)) retry = true;
  if (Contains(retries.never, code)) retry = false;
  if (!retry || task->spent >= task->max_attempts) return End(task, TaskState::kDead);

  int64_t wait = retries.backoff_base_ms;
  if (retries.backoff == Backoff::kExponential)
    wait = std::min(wait << (task->spent - 1), retries.backoff_cap_ms);
  if (retries.backoff == Backoff::kLinear)
    wait = std::min(wait * task->spent, retries.backoff_cap_ms);
  if (retries.backoff == Backoff::kListed)
    wait = retries.delays_ms[std::min<size_t>(task->spent, retries.delays_ms.size()) - 1];
  task->wait_max_ms = delay_ms.value_or(wait);
  task->wait_min_ms = task->wait_max_ms;
  if (!delay_ms && retries.jitter == Jitter::kFull) task->wait_min_ms = 0;
  if (!delay_ms && retries.jitter == Jitter::kEqual) task->wait_min_ms = wait / 2;
  task->may_be_dead = false;
  if (retries.total_ms > 0) {
    if (task->first_failure_ms == 0) task->first_failure_ms = std::max<int64_t>(shard_ms, 1);
    const int64_t last = task->first_failure_ms + retries.total_ms;
    if (shard_ms + task->wait_min_ms > last) return End(task, TaskState::kDead);
    task->may_be_dead = shard_ms + task->wait_max_ms > last;
  }
  task->state = TaskState::kRetrying;
  task->due_ms = -1;  // random: the test takes it from the engine and checks its range
}

void Reference::End(ReferenceTask* task, TaskState state) {
  task->state = state;
  ReleaseKey(*task, Unique::kDone);
  task->cancel_requested = false;
  task->ended_ms = shard_ms;
  task->end_order = state == TaskState::kCompleted || state == TaskState::kDead ? ++ends_ : 0;
}

std::vector<Token> Reference::Renew(const std::vector<Token>& tokens) {
  std::vector<Token> lost;
  for (const Token& token : tokens) {
    const auto it = tasks_.find(token.task);
    if (it != tasks_.end() && it->second.state == TaskState::kRunning &&
        it->second.token() == token) {
      Lease(&it->second);
    } else {
      lost.push_back(token);
    }
  }
  return lost;
}

void Reference::Tick() {
  // In the order in which they became due, because ends are numbered.
  std::vector<std::pair<int64_t, ReferenceTask*>> lost;
  for (auto& [id, task] : tasks_) {
    if (task.state == TaskState::kRunning && task.lease_end_ms <= shard_ms)
      lost.emplace_back(task.lease_end_ms, &task);
    if (task.state == TaskState::kRetrying && task.due_ms <= shard_ms) MakeReady(&task);
    if (task.state == TaskState::kScheduled &&
        task.due_ms <= (task.by_shard_time ? shard_ms : wall_ms))
      MakeReady(&task);
  }
  std::stable_sort(lost.begin(), lost.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [end, task] : lost) {
    ReleaseKey(*task, Unique::kRunning);
    const bool is_shared = SharesItsWorker(*task);
    if (task->revoke_ms != 0 && task->revoke_ms <= shard_ms) {
      Fail(task, AttemptOutcome::kTimedOut, "attempt_timeout", false, true);
      continue;
    }
    const bool is_first = task->worker_losses == 0 && !task->apart && policy.max_worker_losses > 1;
    const bool counts = is_first || !is_shared;
    task->apart = !is_first;
    task->worker_losses += counts;
    if (counts && task->worker_losses >= policy.max_worker_losses) {
      Fail(task, AttemptOutcome::kLost, "worker_lost", false, false);
    } else {
      Fail(task, AttemptOutcome::kLost, "lease_expired", false, true);
    }
  }
  EndOutOfTime();
}

void Reference::MakeReady(ReferenceTask* task) const {
  task->state = TaskState::kReady;
  task->ready_since_ms = shard_ms;
}

// Whether the worker that lost this lease held others or had lost others. Marks the others.
bool Reference::SharesItsWorker(const ReferenceTask& task) {
  bool is_shared = task.shared;
  for (auto& [id, other] : tasks_) {
    if (id == task.id || other.state != TaskState::kRunning || other.holder != task.holder)
      continue;
    is_shared = true;
    other.shared = other.shared || !task.shared;
  }
  return is_shared;
}

void Reference::EndOutOfTime() {
  for (auto& [id, task] : tasks_) EndIfOutOfTime(&task);
}

bool Reference::EndIfOutOfTime(ReferenceTask* task) {
  if (IsTerminal(task->state)) return false;
  const bool late = task->deadline_ms != 0 && task->deadline_ms <= shard_ms;
  const bool expired =
      task->state != TaskState::kRunning && task->expires_ms != 0 && task->expires_ms <= shard_ms;
  if (!late && !expired) return false;
  if (task->state == TaskState::kRunning) Note(task, AttemptOutcome::kTimedOut);
  if (task->cancel_requested) return End(task, TaskState::kCancelled), true;
  task->error_code = late ? "deadline_exceeded" : "expired";
  End(task, late ? TaskState::kDead : TaskState::kExpired);
  return true;
}

void Reference::Retain() {
  std::map<std::pair<std::string, TaskState>, std::vector<ReferenceTask*>> counted;
  std::vector<TaskId> gone;
  for (auto& [id, task] : tasks_) {
    if (IsTerminal(task.state) && task.state != TaskState::kDead)
      counted[{task.queue, task.state}].push_back(&task);
    if (task.state == TaskState::kDead && task.ended_ms + policy.retention.dead_ms < shard_ms)
      gone.push_back(id);
  }
  for (auto& [place, tasks] : counted) {
    std::sort(tasks.begin(), tasks.end(), [](const ReferenceTask* a, const ReferenceTask* b) {
      return a->end_order > b->end_order;
    });
    for (size_t i = 0; i < tasks.size(); ++i)
      if (static_cast<int64_t>(i) >= policy.retention.completed_tasks ||
          tasks[i]->ended_ms + policy.retention.completed_ms < shard_ms)
        gone.push_back(tasks[i]->id);
  }
  for (const TaskId id : gone) tasks_.erase(id);
  removed += gone.size();
}

}  // namespace treadle::model
