// treadle info
#include "cli/commands.h"
#include "console/table.h"

namespace treadle::cli {
namespace {

ExitStatus Info(Session& session) {
  const Result<JsonDocument> info = session.CallJson("GET", "/v1/info", wire::kInfoShape);
  if (!info.ok()) return session.Fail(info.status());
  if (session.json() || session.jsonl()) {
    PrintJson(session, info->root);
    return ExitStatus::kOk;
  }
  Table table({{}, {}});
  table.Row({"server", session.flags.server});
  for (const auto& [name, value] : info->root.members) {
    const bool text = value.kind == JsonNode::Kind::kString;
    table.Row({name, text ? value.text : std::string(value.raw)});
  }
  session.console().Out(table.ToString(session.console()));
  return ExitStatus::kOk;
}

}  // namespace

void AddInfo(Command parent, Session& session) {
  parent.Sub("info", "Show the server's version, data directory and durability")
      .Example("treadle info\ntreadle info -o json")
      .Run([&session] { return Info(session); });
}

}  // namespace treadle::cli
