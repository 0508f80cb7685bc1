#include "cli/task_standing.h"

#include <fmt/format.h>

namespace treadle::cli {
ExitStatus PrintStanding(Session& session, const Result<JsonDocument>& answer,
                         const StandingWords& words) {
  if (!answer.ok()) return session.Fail(answer.status());
  const JsonValue& task = answer->root;
  if (session.json() || session.jsonl()) return PrintJson(session, task), ExitStatus::kOk;
  const std::string id = task.Text("id");
  std::string_view said = task.IsTrue("changed") ? words.done : words.already;
  if (task.IsTrue("cancel_requested")) said = "is running; its worker has been asked to stop";
  session.console().OutLine(fmt::format("task {} {}", id, said));
  session.Hint("  explain it:  " + session.CommandLineFor("task explain " + id));
  return ExitStatus::kOk;
}

}  // namespace treadle::cli
