#include "base/check.h"
#include "treadle/handler.h"

namespace treadle {

const Task& Context::task() const {
  TREADLE_CHECK(task_ != nullptr);
  return *task_;
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
