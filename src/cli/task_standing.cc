#include "cli/task_standing.h"

#include <fmt/format.h>

namespace treadle::cli {
ExitStatus PrintStanding(Session& session, std::string_view id, const Result<JsonDocument>& answer,
                         const StandingWords& words) {
  if (!answer.ok()) return session.Fail(answer.status());
  const JsonNode& task = answer->root;
  std::string_view said = task.IsTrue("changed") ? words.done : words.already;
  if (task.IsTrue("cancel_requested")) said = "is running; its worker has been asked to stop";
  if (task.Text("id") != id || said.empty())
    return session.Fail(
        Status(Code::kInternal, fmt::format("unexpected response from the server: it does not say "
                                            "what became of task {}; is it a Treadle server?",
                                            id)));
  if (session.json() || session.jsonl()) return PrintJson(session, task), ExitStatus::kOk;
  session.console().OutLine(fmt::format("task {} {}", id, said));
  session.Hint("  explain it:  " + session.CommandLineFor(fmt::format("task explain {}", id)));
  return ExitStatus::kOk;
}

}  // namespace treadle::cli
