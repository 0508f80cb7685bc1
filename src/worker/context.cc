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

std::optional<Bytes> Context::FindStep(const std::string& name) const {
  return link_ == nullptr ? std::nullopt : link_->FindStep(name);
}

void Context::KeepStep(const std::string& name, const Bytes& result) const {
  if (link_ == nullptr) return;
  const Status status = link_->SaveStep(name, result);
  if (status.ok()) return;
  // Another attempt would bring the same.
  const bool is_final =
      status.code() == Code::kInvalidArgument || status.code() == Code::kResourceExhausted;
  throw Failure("step_not_saved", "step " + name + ": " + status.message(), !is_final);
}

std::optional<Bytes> Context::FindCheckpoint() const {
  return link_ == nullptr ? std::nullopt : link_->FindCheckpoint();
}

Status Context::KeepCheckpoint(const Bytes& data) const {
  return link_ == nullptr ? Status() : link_->SaveCheckpoint(data);
}

void Context::Progress(double fraction, std::string_view message) const {
  if (link_ != nullptr) link_->TellProgress(fraction, message);
}

void Context::AppendLog(std::string_view text) const {
  if (link_ != nullptr) link_->AppendLog(text);
}

void Context::Log(std::string_view text) const {
  AppendLog(text);
  if (services_ == nullptr || !services_->log || (task_ != nullptr && task_->sensitive)) return;
  std::string line = task_ == nullptr ? "" : "task " + task_->id + " (" + task_->type + "): ";
  services_->log(line.append(text));
}

Result<Enqueued> Context::Enqueue(const TaskRequest& task) const {
  if (services_ == nullptr || !services_->enqueue)
    return Status(Code::kFailedPrecondition, "this context has no client to enqueue with");
  if (!task.traceparent.empty() || task_ == nullptr || task_->traceparent.empty())
    return services_->enqueue(task);
  TaskRequest traced = task;
  traced.traceparent = task_->traceparent;
  return services_->enqueue(traced);
}

Outcome OutcomeOf(const Status& status) {
  if (status.ok()) return Completed{};
  const bool is_final = status.code() == Code::kInvalidArgument ||
                        status.code() == Code::kOutOfRange || status.code() == Code::kUnimplemented;
  return Failed{std::string(CodeName(status.code())), status.message(), !is_final};
}

}  // namespace treadle
