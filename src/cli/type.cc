// treadle type list, treadle type get
#include <fmt/format.h>

#include <memory>

#include "base/units.h"
#include "cli/commands.h"
#include "cli/retry_horizon.h"
#include "cli/type_contract.h"
#include "client/wire.h"
#include "console/pages.h"
#include "console/table.h"

namespace treadle::cli {
namespace {

std::string TimeoutInWords(const JsonNode& policy) {
  const int64_t ms = policy.Integer("attempt_timeout_ms");
  return ms == 0 ? "same as the queue" : DurationInWords(ms);
}

void AddTypeRow(const JsonNode& type, Table* table) {
  const JsonNode& policy = *type.Find("policy");
  table->Row({type.Text("name"), policy.Find("retry") == nullptr ? "same as the queue" : "its own",
              TimeoutInWords(policy)});
}

ExitStatus ListTypes(Session& session) {
  return PrintList(session, {.path = "/v1/types",
                             .name = "types",
                             .shape = wire::kTypeListShape,
                             .nothing = "no task types yet; a type is created by its first task",
                             .table = Table({{"TYPE"}, {"RETRY"}, {"ATTEMPT TIMEOUT"}}),
                             .add_row = AddTypeRow});
}

ExitStatus GetType(Session& session, const std::string& name) {
  const Result<JsonDocument> type =
      session.CallJson("GET", "/v1/types/" + wire::PercentEncode(name), wire::kTypeShape);
  if (!type.ok()) return session.Fail(type.status());
  if (session.json() || session.jsonl()) return PrintJson(session, type->root), ExitStatus::kOk;
  const JsonNode& policy = *type->root.Find("policy");
  const JsonNode* retry = policy.Find("retry");
  Table table({{}, {}});
  table.Row({"type", {type->root.Text("name"), Color::kBold}});
  table.Row({"retry", retry == nullptr ? "same as the queue" : RetryInWords(*retry)});
  table.Row({"timeout", "per attempt: " + TimeoutInWords(policy)});
  AddContractRows(type->root, &table);
  session.console().Out(table.ToString(session.console()));
  return ExitStatus::kOk;
}

}  // namespace

void AddTypeList(Command parent, Session& session) {
  parent.Sub("list", "List the task types and whether they have policies")
      .Example("treadle type list")
      .Run([&session] { return ListTypes(session); });
}

void AddTypeGet(Command parent, Session& session) {
  auto name = std::make_shared<std::string>();
  parent.Sub("get", "Show one task type and its policy")
      .Positional("NAME", Need::kRequired, name.get(), "The name of the task type")
      .Example("treadle type get hello")
      .Run([name, &session] { return GetType(session, *name); });
}

}  // namespace treadle::cli
