// treadle task explain
#include <memory>

#include "cli/commands.h"
#include "cli/each_task.h"
#include "cli/known_types.h"

namespace treadle::cli {
namespace {

ExitStatus Explain(Session& session, const std::string& id, bool is_one_of_several) {
  const Result<JsonDocument> why =
      session.CallJson("GET", "/v1/tasks/" + id + "/explain", wire::kExplanationShape);
  if (!why.ok()) return session.Fail(why.status());
  if (session.json() || session.jsonl()) return PrintJson(session, why->root), ExitStatus::kOk;
  Console& console = session.console();
  const std::string name = is_one_of_several ? id + ": " : "";
  console.OutLine(name + Printable(why->root.Text("summary")));
  if (why->root.Text("reason") == "no_worker") {
    const std::string meant = DidYouMeanType(session, why->root.Text("type"));
    if (!meant.empty()) console.OutLine("Its type may be misspelled" + Printable(meant));
  }
  if (const std::string next = why->root.Text("next"); !next.empty())
    console.OutLine(Printable(session.WithServer(next)));
  return ExitStatus::kOk;
}

}  // namespace

void AddTaskExplain(Command parent, Session& session) {
  auto ids = std::make_shared<std::vector<std::string>>();
  Command command =
      parent.Sub("explain", "Explain why a task is not running and what would change that");
  AddIds(command, ids.get())
      .Example("treadle task explain 1-42\ntreadle task explain 1-42 1-43")
      .Run([ids, &session] {
        return ForEachTask(session, *ids, [&](const std::string& id) {
          return Explain(session, id, ids->size() > 1);
        });
      });
}

}  // namespace treadle::cli
