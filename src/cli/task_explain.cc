// treadle task explain
#include <memory>

#include "cli/commands.h"

namespace treadle::cli {
namespace {

ExitStatus Explain(Session& session, const std::string& id) {
  if (const Status status = CheckTaskId(id); !status.ok()) return session.Fail(status);
  const Result<JsonDocument> why = session.CallJson("GET", "/v1/tasks/" + id + "/explain");
  if (!why.ok()) return session.Fail(why.status());
  if (session.json() || session.jsonl()) return PrintJson(session, why->root), ExitStatus::kOk;
  Console& console = session.console();
  console.OutLine(Printable(why->root.Text("summary")));
  if (const std::string next = why->root.Text("next"); !next.empty())
    console.OutLine(Printable(next));
  return ExitStatus::kOk;
}

}  // namespace

void AddTaskExplain(Command parent, Session& session) {
  auto id = std::make_shared<std::string>();
  parent.Sub("explain", "Say why a task is not running, and what would change that")
      .Positional("ID", Need::kRequired, id.get(), "The id of the task, for example 1-42")
      .Example("treadle task explain 1-42")
      .Run([id, &session] { return Explain(session, *id); });
}

}  // namespace treadle::cli
