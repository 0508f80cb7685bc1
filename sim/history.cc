#include "sim/history.h"

namespace treadle::sim {

void History::Accepted(const std::string& key, TaskId id, const std::string& payload) {
  const auto [it, is_new] = accepted_.emplace(key, id);
  if (!is_new && it->second != id)
    Violation("key " + key + " admitted two tasks: " + it->second.ToString() + " and " +
              id.ToString());
  payloads_.emplace(id, payload);
}

void History::Leased(const treadle::Leased& lease) {
  ++leases_;
  const TaskId id = lease.token.task;
  if (completed_.contains(id))
    Violation(id.ToString() + " was leased again after its completion was acknowledged");
  if (lease.attempt > lease.max_attempts)
    Violation(id.ToString() + " is in attempt " + std::to_string(lease.attempt) + " of " +
              std::to_string(lease.max_attempts));
  uint32_t& newest = newest_attempt_[id];
  if (lease.token.attempt > newest) newest = lease.token.attempt;
  if (const auto it = payloads_.find(id);
      it != payloads_.end() && (lease.body == nullptr || lease.body->payload != it->second))
    Violation(id.ToString() + " was leased with another payload than it was given");
}

void History::Reported(const Report& report, const Status& status) {
  if (!status.ok() || report.kind != Report::Kind::kCompleted) return;
  const auto [it, is_new] = completed_.emplace(report.token.task, report.token);
  if (!is_new && it->second != report.token)
    Violation(report.token.task.ToString() + " was completed by two tokens: " +
              it->second.ToString() + " and " + report.token.ToString());
}

void History::Ended(const std::string& key, const Result<TaskView>& view) {
  const TaskId id = accepted_.at(key);
  if (!view.ok())
    return Violation(id.ToString() + " was accepted and is lost: " + view.status().message());
  const TaskImage& image = view->task.image;
  if (!IsTerminal(image.state)) Violation(id.ToString() + " never ended");
  if (completed_.contains(id) && image.state != TaskState::kCompleted)
    Violation(id.ToString() + " was completed, acknowledged, and is not completed");
  if (view->task.body == nullptr || view->task.body->payload != payloads_.at(id))
    Violation(id.ToString() + " has another payload than it was given");
  if (image.spent() > image.max_attempts) Violation(id.ToString() + " had too many attempts");
}

}  // namespace treadle::sim
