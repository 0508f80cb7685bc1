#include "sim/type_history.h"

#include <algorithm>
#include <iterator>

namespace treadle::sim {
namespace {

constexpr uint32_t kVersionWithoutOutput = 3;
constexpr uint16_t kUsualAttempts = 20;  // every queue here has this limit

// The versions that `json` fits, which FittingJson() made.
std::set<uint32_t> FitsOf(const std::string& json) {
  std::set<uint32_t> fits;
  for (size_t i = json.find('['); i < json.find(']'); ++i)
    if (json[i] >= '1' && json[i] <= '9') fits.insert(static_cast<uint32_t>(json[i] - '0'));
  return fits;
}

// The version of the task if it is accepted under this agreement. Nothing: it is rejected.
std::optional<uint32_t> VersionIn(const Agreement& agreed, const NewTask& task) {
  const std::set<uint32_t> fits = FitsOf(task.body->payload);
  if (task.contract_was_asked_for) {
    const bool is_held = agreed.contracts.contains(task.contract) && fits.contains(task.contract);
    return is_held ? std::optional(task.contract) : std::nullopt;
  }
  if (agreed.contracts.empty()) return 0;
  for (auto it = agreed.contracts.rbegin(); it != agreed.contracts.rend(); ++it)
    if (fits.contains(*it)) return *it;
  return std::nullopt;
}

bool LimitsResults(uint32_t version) { return version != 0 && version != kVersionWithoutOutput; }

}  // namespace

std::shared_ptr<const TypeContract> ContractOf(uint32_t version) {
  auto contract = std::make_shared<TypeContract>(TypeContract{.version = version});
  contract->input_schema = R"({"type":"object","required":["fits"],"properties":{"fits":)"
                           R"({"contains":{"const":)" +
                           std::to_string(version) + "}}}}";
  if (version != kVersionWithoutOutput) contract->output_schema = contract->input_schema;
  contract->codes = {{.code = kHopelessCode, .retry = CodeRetry::kNever},
                     {.code = "busy", .retry = CodeRetry::kAlways}};
  return contract;
}

std::string FittingJson(const std::set<uint32_t>& versions, const std::string& text) {
  std::string json = R"({"fits":[)";
  for (const uint32_t version : versions) {
    if (json.back() != '[') json += ',';
    json += std::to_string(version);
  }
  return json + R"(],"text":")" + text + "\"}";
}

void TypeHistory::Accepted(const NewTask& task, TaskId id, const Span& span) {
  if (task.type != kAgreedType) return;
  std::set<uint32_t> versions;
  std::set<uint16_t> attempts;
  agreed_.Any(span.asked_ms, span.answered_ms, [&](const Agreement& agreed) {
    if (const auto version = VersionIn(agreed, task)) versions.insert(*version);
    attempts.insert(agreed.max_attempts.value_or(kUsualAttempts));
    return false;  // keeps looking, to visit all of them
  });
  if (versions.empty())
    return violation_(id.ToString() + " was accepted, and its payload fits no contract");
  Known& known = tasks_[id];
  if (!known.versions.empty()) return;
  known.versions = std::move(versions);
  if (task.max_attempts == 0 && !task.retry) known.max_attempts = std::move(attempts);
  CheckVersion(id, known);
}

void TypeHistory::CheckVersion(TaskId id, const Known& task) {
  if (task.told && !task.versions.empty() && !task.versions.contains(*task.told))
    violation_(id.ToString() + " has contract " + std::to_string(*task.told) +
               ", which was not the newest that it fits");
}

void TypeHistory::Refused(const std::vector<NewTask>& batch, const Span& span) {
  const bool may_be = std::ranges::any_of(batch, [&](const NewTask& task) {
    return task.type == kAgreedType &&
           agreed_.Any(span.asked_ms, span.answered_ms,
                       [&](const Agreement& agreed) { return !VersionIn(agreed, task); });
  });
  if (!may_be)
    violation_("the batch with key " + batch.front().body->idempotency_key +
               " was refused, but all of it fits its contracts");
}

void TypeHistory::Leased(const treadle::Leased& lease, const Span& span) {
  if (lease.type != kAgreedType) return;
  const TaskId id = lease.token.task;
  Known& task = tasks_[id];
  if (task.told && *task.told != lease.contract)
    violation_(id.ToString() + " had contract " + std::to_string(*task.told) + " and has " +
               std::to_string(lease.contract));
  task.told = lease.contract;
  CheckVersion(id, task);
  if (!task.max_attempts.empty() && !task.max_attempts.contains(lease.max_attempts))
    violation_(id.ToString() + " may have " + std::to_string(lease.max_attempts) +
               " attempts, which its type never said");
  if (task.final && !task.may_be_redriven && task.final->told_ms < span.asked_ms &&
      lease.token.attempt > task.final->attempt)
    violation_(id.ToString() + " was leased again after an error that its contract calls final");
}

// A repeated report is accepted as before: the contract was checked when it first arrived.
TypeHistory::Span TypeHistory::SinceFirst(Known* task, uint32_t attempt, const Span& span) {
  return {task->first_reported_ms.try_emplace(attempt, span.asked_ms).first->second,
          span.answered_ms};
}

void TypeHistory::Reported(const Report& report, const Status& status, const Span& span) {
  const auto found = tasks_.find(report.token.task);
  if (found == tasks_.end() || !found->second.told) return;
  Known& task = found->second;
  const Span taken = SinceFirst(&task, report.token.attempt, span);
  const uint32_t version = *task.told;
  const auto has = [&](const Agreement& agreed) { return agreed.contracts.contains(version); };
  const std::string id = report.token.task.ToString();
  if (report.kind == Report::Kind::kFailed) {
    if (status.ok() && version != 0 && report.error->code == kHopelessCode &&
        agreed_.All(taken.asked_ms, taken.answered_ms, has))
      task.final = {report.token.attempt, span.answered_ms};
    return;
  }
  if (report.kind != Report::Kind::kCompleted || task.is_completed) return;
  task.is_completed = status.ok();
  const bool fits = !LimitsResults(version) || FitsOf(report.result->bytes).contains(version);
  if (status.ok() && !fits && agreed_.All(taken.asked_ms, taken.answered_ms, has))
    violation_(id + " was completed with a result that breaks its contract");
  if (status.code() == Code::kInvalidArgument &&
      (fits || !agreed_.Any(span.asked_ms, span.answered_ms, has)))
    violation_("a result of " + id + " was refused, but breaks no contract");
}

void TypeHistory::Edited(TaskId id, const TaskBody& payload, const Span& span) {
  const auto task = tasks_.find(id);
  if (task == tasks_.end() || task->second.told.value_or(0) == 0) return;
  const uint32_t version = *task->second.told;
  if (!FitsOf(payload.payload).contains(version) &&
      agreed_.All(span.asked_ms, span.answered_ms,
                  [&](const Agreement& agreed) { return agreed.contracts.contains(version); }))
    violation_(id.ToString() + " was given a payload that breaks its contract");
}

void TypeHistory::SeenType(const Result<TypeView>& view, const Span& span) {
  Agreement seen;
  if (!view.ok() && view.status().code() != Code::kNotFound) return;
  if (view.ok()) {
    for (const auto& contract : view->policy.contracts) {
      seen.contracts.insert(contract->version);
      if (*contract != *ContractOf(contract->version))
        violation_("contract " + std::to_string(contract->version) + " is not as it was put");
    }
    if (view->policy.retry) seen.max_attempts = view->policy.retry->max_attempts;
  }
  if (!agreed_.Any(span.asked_ms, span.answered_ms,
                   [&](const Agreement& agreed) { return agreed == seen; }))
    violation_("the type has " + std::to_string(seen.contracts.size()) + " contracts and " +
               std::to_string(seen.max_attempts.value_or(0)) +
               " attempts, but nobody requested that");
}

}  // namespace treadle::sim
