#include "sim/history.h"

namespace treadle::sim {

namespace {

// Shard time stands still from the last frame that a checkpoint took to the checkpoint's end, if
// the server dies then; a run has a dozen deaths.
constexpr int64_t kStandsStillMs = 5'000;
// A lease whose answer was lost is given again to the same exchange, as long as it lasts.
constexpr int64_t kGivenAgainMs = 30'000;

}  // namespace

void History::Accepted(const NewTask& task, TaskId id, int64_t now_ms) {
  const std::string& key = task.body->idempotency_key;
  const auto [it, is_new] = accepted_.emplace(key, id);
  if (!is_new && it->second != id)
    Violation("key " + key + " admitted two tasks: " + it->second.ToString() + " and " +
              id.ToString());
  payloads_[id].insert(task.body->payload);
  // It was accepted before this answer came, so it runs out of time no later than this.
  if (task.expires_ms > 0) expires_ms_.emplace(id, now_ms + task.expires_ms + kGivenAgainMs);
  if (task.deadline_ms > 0) deadline_ms_.emplace(id, now_ms + task.deadline_ms);
}

void History::Leased(const treadle::Leased& lease, int64_t now_ms) {
  ++leases_;
  const TaskId id = lease.token.task;
  for (const auto* limits : {&expires_ms_, &deadline_ms_})
    if (const auto limit = limits->find(id); limit != limits->end() &&
                                             now_ms > limit->second + kStandsStillMs &&
                                             !may_be_redriven_.contains(id))
      Violation(id.ToString() + " was leased after its time was over");
  if (completed_.contains(id))
    Violation(id.ToString() + " was leased again after its completion was acknowledged");
  if (lease.attempt > lease.max_attempts)
    Violation(id.ToString() + " is in attempt " + std::to_string(lease.attempt) + " of " +
              std::to_string(lease.max_attempts));
  uint32_t& newest = newest_attempt_[id];
  if (lease.token.attempt > newest) newest = lease.token.attempt;
  if (cancelled_.contains(id)) Violation(id.ToString() + " was leased after it was cancelled");
  if (deleted_.contains(id)) Violation(id.ToString() + " was leased after it was deleted");
  if (const auto it = payloads_.find(id);
      it != payloads_.end() && (lease.body == nullptr || !it->second.contains(lease.body->payload)))
    Violation(id.ToString() + " was leased with another payload than it was given");
}

void History::Reported(const Report& report, const Status& status) {
  if (!status.ok() || report.kind != Report::Kind::kCompleted) return;
  const auto [it, is_new] = completed_.emplace(report.token.task, report.token);
  if (!is_new && it->second != report.token)
    Violation(report.token.task.ToString() + " was completed by two tokens: " +
              it->second.ToString() + " and " + report.token.ToString());
}

void History::Asked(const TaskCommand& command) {
  if (command.kind == TaskCommand::Kind::kCancel) may_be_cancelled_.insert(command.id);
  if (command.kind == TaskCommand::Kind::kDelete) may_be_deleted_.insert(command.id);
  if (command.kind == TaskCommand::Kind::kRedrive) {
    cancelled_.erase(command.id);
    may_be_redriven_.insert(command.id);
  }
  if (command.edit.payload) payloads_[command.id].insert(command.edit.payload->payload);
}

void History::Answered(const TaskCommand& command, const Result<TaskStanding>& answer) {
  if (!answer.ok()) {
    if (answer.status().code() == Code::kNotFound && !may_be_deleted_.contains(command.id))
      Violation(command.id.ToString() +
                " was accepted and is not found: " + answer.status().message());
    return;
  }
  if (deleted_.contains(command.id))
    Violation(command.id.ToString() + " was deleted and answers to a command");
  if (answer->state == TaskState::kCancelled && command.kind == TaskCommand::Kind::kCancel)
    cancelled_.insert(command.id);
  if (command.kind == TaskCommand::Kind::kDelete) deleted_.insert(command.id);
  // Whatever it was before, from now on it is this.
  if (command.edit.payload) payloads_[command.id] = {command.edit.payload->payload};
}

void History::Ended(const std::string& key, const Result<TaskView>& view) {
  const TaskId id = accepted_.at(key);
  if (view.ok() && deleted_.contains(id)) Violation(id.ToString() + " was deleted and is there");
  if (view.status().code() == Code::kNotFound && may_be_deleted_.contains(id)) return;
  if (!view.ok())
    return Violation(id.ToString() + " was accepted and is lost: " + view.status().message());
  const TaskImage& image = view->task.image;
  if (!IsTerminal(image.state)) Violation(id.ToString() + " never ended");
  if (completed_.contains(id) && image.state != TaskState::kCompleted)
    Violation(id.ToString() + " was completed, acknowledged, and is not completed");
  if (image.state == TaskState::kExpired && !expires_ms_.contains(id))
    Violation(id.ToString() + " has expired, and never was to");
  if (image.state == TaskState::kCancelled && !may_be_cancelled_.contains(id))
    Violation(id.ToString() + " is cancelled, and nobody asked for that");
  if (cancelled_.contains(id) && image.state != TaskState::kCancelled)
    Violation(id.ToString() + " was cancelled, acknowledged, and is not cancelled");
  if (view->task.body == nullptr || !payloads_.at(id).contains(view->task.body->payload))
    Violation(id.ToString() + " has another payload than it was given");
  if (image.spent() > image.max_attempts) Violation(id.ToString() + " had too many attempts");
}

}  // namespace treadle::sim
