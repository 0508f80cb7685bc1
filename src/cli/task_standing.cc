#include "cli/task_standing.h"

#include <fmt/format.h>

namespace treadle::cli {
namespace {

bool IsTrue(const JsonValue& object, std::string_view name) {
  const JsonValue* value = object.Find(name);
  return value != nullptr && value->raw == "true";
}

}  // namespace

ExitStatus PrintStanding(Session& session, const Result<JsonDocument>& answer,
                         const StandingWords& words) {
  if (!answer.ok()) return session.Fail(answer.status());
  const JsonValue& task = answer->root;
  if (session.json() || session.jsonl()) return PrintJson(session, task), ExitStatus::kOk;
  const std::string id = task.Text("id");
  std::string_view said = IsTrue(task, "changed") ? words.done : words.already;
  if (IsTrue(task, "cancel_requested")) said = "is running; its worker is told to stop";
  session.console().OutLine(fmt::format("task {} {}", id, said));
  session.Hint("  why it is so:  " + session.CommandLineFor("task explain " + id));
  return ExitStatus::kOk;
}

}  // namespace treadle::cli
