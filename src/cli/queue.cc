// treadle queue list, treadle queue get
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/time.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/policy_file.h"
#include "cli/retry_horizon.h"
#include "client/wire.h"
#include "console/pages.h"
#include "console/table.h"
#include "model/field_json.h"
#include "model/policy_fields.h"

namespace treadle::cli {
namespace {

constexpr std::string_view kStates[] = {"scheduled", "ready", "running",   "retrying",
                                        "completed", "dead",  "cancelled", "expired"};

std::string Count(const JsonNode& queue, std::string_view state) {
  const JsonNode* tasks = queue.Find("tasks");
  return WithCommas(tasks == nullptr ? 0 : tasks->Integer(state));
}

// "paused, no worker"; "ok" if nothing keeps tasks from coming or from being worked off.
Table::Cell Conditions(const JsonNode& queue) {
  const JsonNode* const conditions = queue.Find("conditions");
  if (conditions == nullptr) return {"-", Color::kDim};  // an older server
  std::string words;
  for (const JsonNode& condition : conditions->items) {
    std::string word = condition.text;
    std::ranges::replace(word, '_', ' ');
    words += fmt::format("{}{}", words.empty() ? "" : ", ", word);
  }
  if (words.empty()) return {"ok", Color::kDim};
  return {words, Color::kYellow};
}

Table QueueTable() {
  using enum Table::Align;
  return Table({{"QUEUE"},
                {"STATE"},
                {"SCHEDULED", kRight},
                {"READY", kRight},
                {"RUNNING", kRight},
                {"RETRYING", kRight},
                {"COMPLETED", kRight},
                {"DEAD", kRight},
                {"CANCELLED", kRight},
                {"EXPIRED", kRight}});
}

void AddQueueRow(const JsonNode& queue, Table* table) {
  std::vector<Table::Cell> row = {queue.Text("name"), Conditions(queue)};
  for (const std::string_view state : kStates) {
    const std::string count = Count(queue, state);
    row.emplace_back(count, count == "0" ? Color::kDim : ColorOfState(state));
  }
  table->Row(std::move(row));
}

ExitStatus ListQueues(Session& session) {
  return PrintList(session, {.path = "/v1/queues",
                             .name = "queues",
                             .shape = wire::kQueueListShape,
                             .nothing = "no queues yet; a queue is created by its first task",
                             .table = QueueTable(),
                             .add_row = AddQueueRow});
}

void AddCapacity(const JsonNode& policy, Table& table) {
  const JsonNode* capacity = policy.Find("capacity");
  if (capacity == nullptr) return;
  const int64_t tasks = capacity->Integer("tasks");
  const int64_t bytes = capacity->Integer("bytes");
  std::string bounds;
  if (tasks > 0) bounds = WithCommas(tasks) + " tasks";
  if (bytes > 0)
    bounds += (bounds.empty() ? "" : " or ") + SizeInWords(static_cast<uint64_t>(bytes));
  if (bounds.empty()) return table.Row({"capacity", "no limit of its own"});
  const bool sheds = capacity->Text("when_full") == "shed";
  table.Row({"capacity",
             fmt::format("{}; then {}", bounds,
                         sheds ? "tasks of lower priority make room" : "new tasks are refused")});
}

// Fields that have sentences of their own, or need none.
constexpr std::string_view kInSentences[] = {
    "retention.completed_tasks",
    "retention.completed_ms",
    "retention.completed_bytes",
    "retention.dead_ms",
    "lease_ms",
    "idempotency_window_ms",
    "cancel_grace_ms",
    "attempt_timeout_ms",
    "max_worker_losses",
    "capacity.tasks",
    "capacity.bytes",
    "capacity.when_full",
    "draining",
    "paused",
    "search_payloads",
};

// All others that are not the default, as a policy file has them.
void AddOtherFields(const JsonNode& policy, Table& table) {
  for (const Field<QueuePolicy>& field : Fields<QueuePolicy>()) {
    const bool is_said =
        field.is_own || std::ranges::find(kInSentences, field.path) != std::end(kInSentences);
    const std::string now = is_said ? "" : FieldIn(field, policy);
    if (now.empty() || now == FieldJson(field, field.get(QueuePolicy()))) continue;
    table.Row({std::string(field.word()), FieldText(field, now)});
  }
}

void AddPolicy(const JsonNode& policy, Table& table) {
  static const JsonNode kNone;
  const JsonNode* retry = policy.Find("retry");
  const JsonNode* keep = policy.Find("retention");
  const JsonNode& retention = keep == nullptr ? kNone : *keep;
  if (retry != nullptr) {
    table.Row({"retry", RetryInWords(*retry)});
  }
  table.Row({"lease", fmt::format("{}; a worker that does not renew in time loses the task",
                                  DurationInWords(policy.Integer("lease_ms")))});
  table.Row({"completed", fmt::format("keeps the newest {}, for at most {}, up to {}",
                                      WithCommas(retention.Integer("completed_tasks")),
                                      DurationInWords(retention.Integer("completed_ms")),
                                      SizeInWords(static_cast<uint64_t>(std::max<int64_t>(
                                          retention.Integer("completed_bytes"), 0))))});
  table.Row({"dead", fmt::format("kept for {}", DurationInWords(retention.Integer("dead_ms")))});
  const int64_t timeout_ms = policy.Integer("attempt_timeout_ms");
  table.Row(
      {"timeout", fmt::format("an attempt may take {}; a task is dead after losing {} workers",
                              timeout_ms > 0 ? DurationInWords(timeout_ms)
                                             : "as long as its worker renews its lease",
                              policy.Integer("max_worker_losses"))});
  AddCapacity(policy, table);
  const JsonNode* searches = policy.Find("search_payloads");
  if (searches != nullptr && searches->raw == "true")
    table.Row({"search", "treadle task list --payload-text searches the words of payloads"});
  table.Row({"cancel", fmt::format("a running task has {} to stop",
                                   DurationInWords(policy.Integer("cancel_grace_ms")))});
  table.Row({"idempotency", fmt::format("a key admits one task per {}",
                                        DurationInWords(policy.Integer("idempotency_window_ms")))});
  AddOtherFields(policy, table);
}

void PrintQueue(Session& session, const JsonNode& queue) {
  Table table({{}, {}});
  table.Row({"queue", {queue.Text("name"), Color::kBold}});
  std::string tasks;
  for (const std::string_view state : kStates) {
    tasks += fmt::format("{}{} {}", tasks.empty() ? "" : ", ", Count(queue, state), state);
  }
  table.Row({"tasks", tasks});
  std::string accepted = WithCommas(queue.Integer("accepted")) + " in total";
  if (const JsonNode* removed = queue.Find("removed")) {
    for (const auto& [reason, count] : removed->members) {
      if (count.raw == "0") continue;
      accepted += fmt::format(", {} removed ({})", WithCommas(removed->Integer(reason)), reason);
    }
  }
  table.Row({"accepted", accepted});
  const JsonNode* policy = queue.Find("policy");
  if (policy == nullptr) return session.console().Out(table.ToString(session.console()));
  const auto is_set = [&](std::string_view name) {
    const JsonNode* flag = policy->Find(name);
    return flag != nullptr && flag->raw == "true";
  };
  if (const Table::Cell conditions = Conditions(queue); conditions.text != "-")
    table.Row({"state", conditions});
  if (is_set("paused"))
    table.Row({"paused", {"no task is leased; treadle queue resume resumes it", Color::kYellow}});
  if (is_set("draining"))
    table.Row({"draining", {"new tasks are refused; existing ones still run", Color::kYellow}});
  AddPolicy(*policy, table);
  session.console().Out(table.ToString(session.console()));
}

ExitStatus GetQueue(Session& session, const std::string& name) {
  const Result<JsonDocument> queue =
      session.CallJson("GET", "/v1/queues/" + wire::PercentEncode(name), wire::kQueueShape);
  if (!queue.ok()) return session.Fail(queue.status());
  if (session.json() || session.jsonl()) return PrintJson(session, queue->root), ExitStatus::kOk;
  PrintQueue(session, queue->root);
  return ExitStatus::kOk;
}

}  // namespace

void AddQueueList(Command parent, Session& session) {
  parent.Sub("list", "List the queues and their task counts")
      .Example("treadle queue list")
      .Run([&session] { return ListQueues(session); });
}

void AddQueueGet(Command parent, Session& session) {
  auto name = std::make_shared<std::string>();
  parent.Sub("get", "Show one queue and its policy")
      .Positional("NAME", Need::kRequired, name.get(), "The name of the queue")
      .Example("treadle queue get default")
      .Run([name, &session] { return GetQueue(session, *name); });
}

}  // namespace treadle::cli
