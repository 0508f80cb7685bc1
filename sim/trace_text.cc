#include "sim/trace_text.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace treadle::sim {
namespace {

constexpr size_t kPayloadShown = 40;  // bytes

std::string Number(int64_t number) { return std::to_string(number); }

template <class Each, class Text>
std::string List(const std::vector<Each>& all, Text text, const char* between = ", ") {
  std::string list;
  for (const Each& each : all) list += (list.empty() ? "" : between) + text(each);
  return list;
}

std::string Shown(const std::string& bytes) {
  if (bytes.size() <= kPayloadShown) return bytes;
  return bytes.substr(0, kPayloadShown) + "… (" + std::to_string(bytes.size()) + " bytes)";
}

template <size_t N>
std::string NameIn(const char* const (&names)[N], size_t index) {
  return index < N ? names[index] : "kind " + std::to_string(index);
}

std::string NameOf(TaskState state) { return std::string(TaskStateName(state).value_or("?")); }
std::string TokenText(const Token& token) { return token.ToString(); }

std::string TermsOf(const NewTask& task) {
  std::string text;
  if (task.delay_ms) text += ", in " + Number(*task.delay_ms) + " ms";
  if (task.run_at) text += ", at " + FormatWallTime(*task.run_at);
  if (task.expires_ms) text += ", expires in " + Number(*task.expires_ms) + " ms";
  if (task.deadline_ms) text += ", deadline in " + Number(*task.deadline_ms) + " ms";
  if (task.attempt_timeout_ms > 0) text += ", timeout " + Number(task.attempt_timeout_ms) + " ms";
  if (task.contract_was_asked_for) text += ", contract " + std::to_string(task.contract);
  if (task.max_attempts > 0) text += ", attempts " + std::to_string(task.max_attempts);
  if (task.unique != Unique::kNo)
    text += ", unique " + std::to_string(static_cast<int>(task.unique));
  if (task.on_duplicate == OnDuplicate::kReplace) text += ", replaces";
  if (task.idempotency_window_ms > 0)
    text += ", key for " + Number(task.idempotency_window_ms) + " ms";
  return text;
}

std::string TextOf(const Leased& lease) {
  return lease.token.ToString() + ' ' + lease.queue + '/' + lease.type + " attempt " +
         std::to_string(lease.attempt) + " of " + std::to_string(lease.max_attempts) + " for " +
         Number(lease.lease_ms) + " ms" +
         (lease.contract == 0 ? "" : " contract " + std::to_string(lease.contract)) +
         (lease.body == nullptr ? "" : ' ' + Shown(lease.body->payload));
}

std::string TextOf(const ReportReply& report) {
  std::string text = report.token.ToString() + ' ' + sim::TextOf(report.status);
  if (report.state) text += ", now " + NameOf(*report.state);
  if (report.retry_in_ms) text += ", again in " + Number(*report.retry_in_ms) + " ms";
  return text;
}

}  // namespace

std::string TextOf(const Status& status) { return status.ok() ? "OK" : status.ToString(); }

std::string TextOf(const NewTask& task) {
  return task.queue + '/' + task.type + " key " + task.body->idempotency_key + " priority " +
         std::to_string(task.priority) + TermsOf(task) + ", payload " + Shown(task.body->payload);
}

std::string TextOf(const std::vector<NewTask>& batch) {
  return "enqueue " + std::to_string(batch.size()) + ": " +
         List(batch, [](const NewTask& task) { return TextOf(task); }, "; ");
}

std::string TextOf(const Result<EnqueueReply>& reply) {
  if (!reply.ok()) return TextOf(reply.status());
  return "OK " + List(reply->tasks, [](const EnqueueReply::Task& task) {
           return task.id.ToString() + (task.duplicate ? " (duplicate)" : "") +
                  (task.replaced == TaskId{} ? "" : " for " + task.replaced.ToString());
         });
}

std::string TextOf(const Report& report) {
  constexpr const char* kKinds[] = {"completed", "failed", "released", "snoozed", "discarded"};
  std::string text =
      report.token.ToString() + ' ' + NameIn(kKinds, static_cast<size_t>(report.kind));
  if (report.error != nullptr) text += ' ' + report.error->code;
  if (!report.retry) text += " for good";
  if (report.delay_ms) text += " for " + Number(*report.delay_ms) + " ms";
  if (report.result != nullptr) text += ' ' + Shown(report.result->bytes);
  return text;
}

std::string TextOf(const ExchangeRequest& request) {
  std::string text =
      "exchange " + std::to_string(request.sequence) + ", want " + std::to_string(request.want);
  if (!request.renew.empty()) text += ", renew " + List(request.renew, TokenText);
  if (!request.reports.empty())
    text += ", report " + List(request.reports, [](const Report& each) { return TextOf(each); });
  return text;
}

std::string TextOf(const Result<ExchangeReply>& reply) {
  if (!reply.ok()) return TextOf(reply.status());
  std::string text = "exchange " + std::to_string(reply->sequence) + " OK";
  if (!reply->leases.empty())
    text += ", leased " + List(reply->leases, [](const Leased& each) { return TextOf(each); });
  if (!reply->reports.empty())
    text +=
        ", reported " + List(reply->reports, [](const ReportReply& each) { return TextOf(each); });
  if (!reply->lost.empty()) text += ", lost " + List(reply->lost, TokenText);
  if (!reply->cancelled.empty()) text += ", to cancel " + List(reply->cancelled, TokenText);
  return text;
}

std::string TextOf(const AttemptSave& save) {
  std::string text = "save " + save.token.ToString();
  for (const auto& [name, saved] : save.saved.steps) text += ' ' + name + '=' + Shown(saved.bytes);
  if (save.saved.checkpoint) text += " checkpoint=" + Shown(save.saved.checkpoint->bytes);
  if (save.log)
    text += " log from " + std::to_string(save.log->offset) + ": " +
            std::to_string(save.log->text.size()) + " bytes";
  return text;
}

std::string TextOf(const Result<AttemptStanding>& standing) {
  if (!standing.ok()) return TextOf(standing.status());
  return "OK, log " + std::to_string(standing->log_bytes) + " bytes" +
         (standing->cancel_requested ? ", to be cancelled" : "");
}

std::string TextOf(const TaskCommand& command) {
  constexpr const char* kKinds[] = {"run now", "cancel", "redrive", "edit", "delete", "release"};
  std::string text =
      NameIn(kKinds, static_cast<size_t>(command.kind)) + ' ' + command.id.ToString();
  const TaskEdit& edit = command.edit;
  if (edit.queue) text += ", queue " + *edit.queue;
  if (edit.priority) text += ", priority " + std::to_string(*edit.priority);
  if (edit.delay_ms) text += ", in " + Number(*edit.delay_ms) + " ms";
  if (edit.payload != nullptr) text += ", payload " + Shown(edit.payload->payload);
  return text;
}

std::string TextOf(const Result<TaskStanding>& standing) {
  if (!standing.ok()) return TextOf(standing.status());
  return "OK " + standing->id.ToString() + ' ' + NameOf(standing->state) +
         (standing->cancel_requested ? ", to be cancelled" : "") +
         (standing->changed ? "" : ", unchanged");
}

std::string TextOf(const Result<TaskView>& view) {
  if (!view.ok()) return TextOf(view.status());
  const TaskImage& image = view->task.image;
  return "OK " + image.id.ToString() + ' ' + view->queue + '/' + view->type + ' ' +
         NameOf(image.state) + " attempt " + std::to_string(image.attempt) + " (" +
         std::to_string(image.spent()) + " of " + std::to_string(image.max_attempts) + " spent)" +
         (image.cancel_requested ? ", to be cancelled" : "");
}

std::string TextOf(const Result<QueueView>& view) {
  if (!view.ok()) return TextOf(view.status());
  std::string text = "OK " + view->name + (view->policy.paused ? " paused" : "") + ", lease " +
                     Number(view->policy.lease_ms) + " ms, accepted " +
                     std::to_string(view->counters.accepted);
  for (const TaskState state : kTaskStates)
    if (const uint64_t tasks = view->tasks[static_cast<size_t>(state)]; tasks > 0)
      text += ", " + std::to_string(tasks) + ' ' + NameOf(state);
  return text;
}

std::string TextOf(const Result<TypeView>& view) {
  if (!view.ok()) return TextOf(view.status());
  std::string text = "OK " + view->name + " contracts";
  for (const auto& contract : view->policy.contracts)
    text += ' ' + std::to_string(contract->version);
  if (view->policy.retry) text += ", attempts " + std::to_string(view->policy.retry->max_attempts);
  return text;
}

}  // namespace treadle::sim
