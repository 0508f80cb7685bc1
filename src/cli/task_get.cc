// treadle task get
#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "cli/table.h"
#include "cli/task_outcome.h"

namespace treadle::cli {
namespace {

std::string ValueText(const JsonValue& value) {
  if (value.kind == JsonValue::Kind::kString) return value.text;
  if (value.Find("code") != nullptr) return value.Text("code") + ": " + value.Text("message");
  return std::string(value.raw);
}

void PrintTask(Session& session, const JsonValue& view) {
  Table table({{}, {}});
  for (const auto& [name, value] : view.members) {
    const Color color = name == "state" ? ColorOfState(value.text) : Color::kPlain;
    table.Row({name, {ValueText(value), name == "error" ? Color::kRed : color}});
  }
  session.console().Out(table.ToString(session.console()));
}

void SayWhatIsNext(Session& session, const JsonValue& view) {
  const std::string id = view.Text("id");
  const std::string state = view.Text("state");
  if (!IsEnded(state)) {
    session.Hint("  why it waits: " + session.CommandLineFor("task explain " + id));
  }
  if (state == "completed") {
    session.Hint("  its result:   " + session.CommandLineFor("task result " + id));
  } else if (state == "ready") {
    session.Hint("  run it:       " +
                 session.CommandLineFor(fmt::format("worker exec {} --queue {} -- tr a-z A-Z",
                                                    view.Text("type"), view.Text("queue"))));
  } else if (state == "dead") {
    session.Hint("  once more:    " + session.CommandLineFor("task redrive " + id));
    session.Hint("  all the dead: " + session.CommandLineFor("task list --state dead"));
  }
}

ExitStatus Get(Session& session, const std::string& id) {
  if (const Status status = CheckTaskId(id); !status.ok()) return session.Fail(status);
  const Result<JsonDocument> view = session.CallJson("GET", "/v1/tasks/" + id);
  if (!view.ok()) return session.Fail(view.status());
  if (session.json() || session.jsonl()) {
    PrintJson(session, view->root);
  } else {
    PrintTask(session, view->root);
    SayWhatIsNext(session, view->root);
  }
  return ExitStatus::kOk;
}

}  // namespace

void AddTaskGet(Command parent, Session& session) {
  auto id = std::make_shared<std::string>();
  parent.Sub("get", "Show one task")
      .Positional("ID", Need::kRequired, id.get(), "The id of the task, for example 1-42")
      .Example("treadle task get 1-42\ntreadle task get 1-42 -o json")
      .Run([id, &session] { return Get(session, *id); });
}

}  // namespace treadle::cli
