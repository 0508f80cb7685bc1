#include "base/check.h"
#include "treadle/handler.h"

namespace treadle {

const Task& Context::task() const {
  TREADLE_CHECK(task_ != nullptr);
  return *task_;
}

std::optional<std::chrono::system_clock::time_point> Context::task_deadline() const {
  if (task_ == nullptr || task_->deadline_at_ms == 0) return std::nullopt;
  return std::chrono::system_clock::time_point(std::chrono::milliseconds(task_->deadline_at_ms));
}

CancelCause Context::cancel_cause() const {
  if (!IsCancelled()) return CancelCause::kNone;
  return cause_ == nullptr ? CancelCause::kRequested : cause_->load();
}

void Context::Log(std::string_view text) const {
  if (services_ == nullptr || !services_->log) return;
  std::string line = task_ == nullptr ? "" : "task " + task_->id + " (" + task_->type + "): ";
  services_->log(line.append(text));
}

Result<Enqueued> Context::Enqueue(const TaskRequest& task) const {
  if (services_ == nullptr || !services_->enqueue)
    return Status(Code::kFailedPrecondition, "this context has no client to enqueue with");
  return services_->enqueue(task);
}

Outcome OutcomeOf(const Status& status) {
  if (status.ok()) return Completed{};
  const bool is_final = status.code() == Code::kInvalidArgument ||
                        status.code() == Code::kOutOfRange || status.code() == Code::kUnimplemented;
  return Failed{std::string(CodeName(status.code())), status.message(), !is_final};
}

}  // namespace treadle
