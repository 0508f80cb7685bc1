#include "worker/task_runner.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include "base/utf8.h"
#include "worker/printable.h"
#include "worker/task_line.h"

namespace treadle::worker {
namespace {

constexpr size_t kResultBytesMax = size_t{1} << 20;
constexpr size_t kErrorMessageBytesMax = size_t{8} << 10;
constexpr size_t kErrorCodeBytesMax = 64;
constexpr size_t kContentTypeBytesMax = 128;
constexpr size_t kResultDepthMax = 61;  // arrays and objects within one another
constexpr std::chrono::hours kDelayMax(3'650 * 24);

Task TakeTask(wire::Lease* lease) {
  return {.id = std::move(lease->id),
          .type = std::move(lease->type),
          .queue = std::move(lease->queue),
          .attempt = lease->attempt,
          .max_attempts = lease->max_attempts,
          .payload = std::move(lease->payload),
          .content_type = std::move(lease->content_type),
          .enqueued_at_ms = lease->enqueued_at_ms,
          .deadline_at_ms = lease->deadline_at_ms,
          .sensitive = lease->sensitive,
          .contract_version = lease->contract_version,
          .traceparent = std::move(lease->traceparent)};
}

// How deep arrays and objects lie within one another in `json`, which is valid.
size_t DepthOf(std::string_view json) {
  size_t depth = 0;
  size_t deepest = 0;
  bool is_text = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (is_text) {
      if (c == '\\') ++i;
      if (c == '"') is_text = false;
    } else if (c == '"') {
      is_text = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return deepest;
}

Failed Invalid(std::string why) {
  return Failed{"result_invalid", std::move(why), /*retry=*/false};
}

// A result that the server would not take ends the task: another try would bring the same.
std::optional<Failed> WrongResult(const Completed& done) {
  if (done.result.size() > kResultBytesMax) {
    return Failed{"result_too_large",
                  "the result has " + std::to_string(done.result.size()) +
                      " bytes, but at most 1048576 are kept",
                  /*retry=*/false};
  }
  const std::string& type = done.content_type;
  if (type.empty() || type.size() > kContentTypeBytesMax ||
      PrintableHead(type, kContentTypeBytesMax, '?') != type)
    return Invalid("the content type of the result must be printable and have 1 to 128 bytes");
  if (type != wire::kJson || done.result == "null") return std::nullopt;
  if (!wire::IsJson(done.result)) return Invalid(wire::WhyNotJson(done.result, "result"));
  if (DepthOf(done.result) > kResultDepthMax)
    return Invalid("the result is nested deeper than " + std::to_string(kResultDepthMax) +
                   " levels");
  return std::nullopt;
}

// What the server would refuse fails here, with a reason, or is bounded.
Outcome Checked(Outcome outcome) {
  if (const auto* done = std::get_if<Completed>(&outcome)) {
    if (std::optional<Failed> wrong = WrongResult(*done)) return *std::move(wrong);
  } else if (const auto* snoozed = std::get_if<Snoozed>(&outcome)) {
    if (snoozed->delay > kDelayMax)
      return Failed{"snooze_invalid", "the task was snoozed for " +
                                          std::to_string(snoozed->delay.count()) +
                                          " ms; the longest time is 3650 days"};
  } else if (auto* failed = std::get_if<Failed>(&outcome)) {
    if (failed->retry_after && *failed->retry_after > kDelayMax) failed->retry_after = kDelayMax;
  }
  return outcome;
}

std::string_view Tail(std::string_view message) { return Utf8Tail(message, kErrorMessageBytesMax); }

std::string CodeOf(std::string_view code, std::string_view unnamed) {
  return PrintableHead(code.empty() ? unnamed : code, kErrorCodeBytesMax, '?');
}

int64_t DelayMs(std::chrono::milliseconds delay) { return std::max<int64_t>(delay.count(), 0); }

std::string Encode(std::string_view token, const Failed& failed) {
  std::optional<int64_t> delay_ms;
  if (failed.retry && failed.retry_after) delay_ms = DelayMs(*failed.retry_after);
  return wire::EncodeFailed(token, CodeOf(failed.code, "failed"), Tail(failed.message),
                            failed.retry, delay_ms);
}

// Work that was cut short has not failed: the task goes back unspent, which cancels it if someone
// asked for that. But it may have had its time; if that spent nothing, it would run for ever.
Outcome AfterTheCut(Outcome outcome, const HandlerPool::Attempt& attempt) {
  const bool was_cut =
      std::holds_alternative<Failed>(outcome) || std::holds_alternative<Released>(outcome);
  if (!was_cut || !attempt.cancelled.stop_requested()) return outcome;
  if (attempt.cause->load() != CancelCause::kTimeout) return Released{};
  const int64_t limit_ms = std::max<int64_t>(attempt.limit.count(), 0);  // it may begin too late
  return Failed{"timeout", "the attempt took longer than " + std::to_string(limit_ms) + " ms"};
}

}  // namespace

namespace {

Outcome Call(const Handler& handler, const Task& task, Context& context) {
  try {
    return handler(task, context);
  } catch (const Failure& failure) {
    return failure.failed();
  } catch (const Snooze& snooze) {
    return snooze.snoozed();
  } catch (const Discard& discard) {
    return discard.discarded();
  } catch (const std::exception& error) {
    return Failed{"exception", error.what()};
  } catch (...) {
    return Failed{"exception", "the handler threw something that is not a std::exception"};
  }
}

}  // namespace

Outcome CallHandler(const Handler& handler, const Task& task, Context& context) {
  return Checked(Call(handler, task, context));
}

TaskRunner::TaskRunner(Context::Services services, SaveFn save,
                       std::function<void(std::string)> stop_worker)
    : services_(std::move(services)),
      save_(std::move(save)),
      stop_worker_(std::move(stop_worker)) {}

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

Report TaskRunner::Run(wire::Lease* lease, const HandlerPool::Attempt& attempt) const {
  AttemptSession session(lease, [&](const wire::AttemptUpdate& update, bool is_durable) {
    return save_(lease->token, update, is_durable, attempt.cancelled);
  });
  const std::optional<TaskLine> line =
      writes_lines_ ? std::optional<TaskLine>(*lease) : std::nullopt;
  const Outcome outcome = RunLease(lease, attempt, &session);
  Report report{.token = lease->token, .json = ReportJson(lease->token, outcome)};
  if (line) report.line = line->For(outcome);
  const std::optional<wire::LogText> log = session.TakeLog();
  if (log) report.json = wire::WithLog(std::move(report.json), *log);
  return report;
}

std::string TaskRunner::ReportJson(const std::string& token, const Outcome& outcome) const {
  return std::visit(
      Overloaded{[&](const Completed& done) {
                   return wire::EncodeCompleted(token, done.result, done.content_type);
                 },
                 [&](const Failed& failed) { return Encode(token, failed); },
                 [&](const Released&) { return wire::EncodeReleased(token); },
                 [&](const Snoozed& snoozed) {
                   return wire::EncodeSnoozed(token, DelayMs(snoozed.delay));
                 },
                 [&](const Discarded& discarded) {
                   return wire::EncodeDiscarded(token, CodeOf(discarded.code, "discarded"),
                                                Tail(discarded.reason));
                 },
                 [&](const StopWorker& stop) {
                   stop_worker_(stop.reason);
                   return wire::EncodeReleased(token);
                 }},
      outcome);
}

Outcome TaskRunner::RunLease(wire::Lease* lease, const HandlerPool::Attempt& attempt,
                             AttemptSession* session) const {
  if (lease->damaged) {
    services_.log("task " + lease->id + " has a payload that does not match its SHA-256");
    return Failed{"payload_damaged", "the received payload does not match its SHA-256"};
  }
  const auto entry = handlers_.find(lease->type);
  if (entry == handlers_.end()) {
    services_.log("task " + lease->id + " is of type " + lease->type +
                  ", which this worker did not request");
    return Released{};
  }
  const Task task = TakeTask(lease);
  Context context(attempt.cancelled, attempt.deadline, &task, &services_, attempt.cause, session);
  return AfterTheCut(CallHandler(entry->second.handler, task, context), attempt);
}

}  // namespace treadle::worker
