#include "worker/task_runner.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace treadle::worker {
namespace {

constexpr size_t kResultBytesMax = size_t{1} << 20;
constexpr size_t kErrorMessageBytesMax = size_t{8} << 10;
constexpr size_t kErrorCodeBytesMax = 64;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

Task TakeTask(wire::Lease* lease) {
  return {.id = std::move(lease->id),
          .type = std::move(lease->type),
          .queue = std::move(lease->queue),
          .attempt = lease->attempt,
          .max_attempts = lease->max_attempts,
          .payload = std::move(lease->payload),
          .content_type = std::move(lease->content_type),
          .enqueued_at_ms = lease->enqueued_at_ms,
          .deadline_at_ms = lease->deadline_at_ms};
}

// A result that the server would not take ends the task: another try would bring the same.
Outcome Checked(Outcome outcome) {
  const auto* done = std::get_if<Completed>(&outcome);
  if (done == nullptr) return outcome;
  if (done->result.size() > kResultBytesMax) {
    return Failed{"result_too_large",
                  "the result has " + std::to_string(done->result.size()) +
                      " bytes; at most 1048576 are kept",
                  /*retry=*/false};
  }
  if (done->content_type == wire::kJson && done->result != "null" && !wire::IsJson(done->result)) {
    return Failed{"result_invalid", "the result is not the JSON that its content type promises",
                  /*retry=*/false};
  }
  return outcome;
}

std::string EncodeFailure(std::string_view token, const Failed& failed) {
  std::string_view message = failed.message;
  if (message.size() > kErrorMessageBytesMax)
    message.remove_prefix(message.size() - kErrorMessageBytesMax);
  const std::string_view code = failed.code.empty() ? "failed" : std::string_view(failed.code);
  std::optional<int64_t> delay_ms;
  if (failed.retry_after) delay_ms = std::max<int64_t>(failed.retry_after->count(), 0);
  return wire::EncodeFailed(token, code.substr(0, kErrorCodeBytesMax), message, failed.retry,
                            delay_ms);
}

}  // namespace

Outcome CallHandler(const Handler& handler, const Task& task, Context& context) {
  try {
    return Checked(handler(task, context));
  } catch (const Failure& failure) {
    return failure.failed();
  } catch (const std::exception& error) {
    return Failed{"exception", error.what()};
  } catch (...) {
    return Failed{"exception", "the handler threw something that is no std::exception"};
  }
}

TaskRunner::TaskRunner(Context::Services services, std::function<void(std::string)> stop_worker)
    : services_(std::move(services)), stop_worker_(std::move(stop_worker)) {}

void TaskRunner::Handle(std::string type, Handler handler, std::chrono::milliseconds timeout) {
  handlers_[std::move(type)] = {.handler = std::move(handler), .timeout = timeout};
}

std::vector<std::string> TaskRunner::Types() const {
  std::vector<std::string> types;
  for (const auto& [type, entry] : handlers_) types.push_back(type);
  return types;
}

std::chrono::milliseconds TaskRunner::TimeoutOf(const std::string& type) const {
  const auto entry = handlers_.find(type);
  return entry == handlers_.end() ? std::chrono::hours(1) : entry->second.timeout;
}

std::string TaskRunner::Run(wire::Lease* lease, const HandlerPool::Attempt& attempt) const {
  const std::string& token = lease->token;
  const Outcome outcome = RunLease(lease, attempt);
  return std::visit(Overloaded{[&](const Completed& done) {
                                 return wire::EncodeCompleted(token, done.result,
                                                              done.content_type);
                               },
                               [&](const Failed& failed) { return EncodeFailure(token, failed); },
                               [&](const Released&) { return wire::EncodeReleased(token); },
                               [&](const Snoozed& snoozed) {
                                 const auto delay_ms = snoozed.delay.count();
                                 return wire::EncodeSnoozed(token, std::max<int64_t>(delay_ms, 0));
                               },
                               [&](const Discarded& discarded) {
                                 return wire::EncodeDiscarded(token, discarded.reason);
                               },
                               [&](const StopWorker& stop) {
                                 stop_worker_(stop.reason);
                                 return wire::EncodeReleased(token);
                               }},
                    outcome);
}

Outcome TaskRunner::RunLease(wire::Lease* lease, const HandlerPool::Attempt& attempt) const {
  if (lease->damaged) {
    services_.log("task " + lease->id + " came with a payload that does not have its SHA-256");
    return Failed{"payload_damaged", "the payload that arrived does not have its SHA-256"};
  }
  const auto entry = handlers_.find(lease->type);
  if (entry == handlers_.end()) {
    services_.log("task " + lease->id + " is of type " + lease->type + ", which was not asked for");
    return Released{};
  }
  const Task task = TakeTask(lease);
  Context context(attempt.cancelled, attempt.deadline, &task, &services_);
  Outcome outcome = CallHandler(entry->second.handler, task, context);
  // Work that was cut short has not failed; but it may have had its time. (If someone cancelled the
  // task, the server makes of a release what was asked for.)
  const bool was_cut =
      std::holds_alternative<Failed>(outcome) || std::holds_alternative<Released>(outcome);
  if (!was_cut || !attempt.cancelled.stop_requested()) return outcome;
  if (HandlerPool::Clock::now() < attempt.deadline) return Released{};
  return Failed{"timeout", "the attempt took longer than its time"};
}

}  // namespace treadle::worker
