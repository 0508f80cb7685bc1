// treadle task run-now, cancel, redrive, delete
#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "cli/task_standing.h"

namespace treadle::cli {
namespace {

ExitStatus Ask(Session& session, std::string_view method, const std::string& id,
               std::string_view verb, std::string_view body, const StandingWords& words) {
  if (const Status status = CheckTaskId(id); !status.ok()) return session.Fail(status);
  const std::string path = fmt::format("/v1/tasks/{}{}{}", id, verb.empty() ? "" : "/", verb);
  return PrintStanding(session, session.CallJson(method, path, body), words);
}

struct CancelFlags {
  std::string id;
  std::string reason;
};

ExitStatus Cancel(Session& session, const CancelFlags& flags) {
  const std::string body =
      flags.reason.empty() ? "" : JsonObject().Text("reason", flags.reason).Done();
  return Ask(session, "POST", flags.id, "cancel", body,
             {.done = "is cancelled", .already = "was cancelled before"});
}

Command AddOne(Command parent, std::string_view name, std::string_view summary, std::string* id) {
  Command command = parent.Sub(name, summary);
  command.Positional("ID", Need::kRequired, id, "The id of the task, for example 1-42")
      .Example(fmt::format("treadle task {} 1-42", name));
  return command;
}

}  // namespace

void AddTaskRunNow(Command parent, Session& session) {
  auto id = std::make_shared<std::string>();
  AddOne(parent, "run-now", "Do not let a task wait for its time or its backoff", id.get())
      .Run([id, &session] {
        return Ask(session, "POST", *id, "run-now", "",
                   {.done = "is ready", .already = "did not wait for a time"});
      });
}

void AddTaskCancel(Command parent, Session& session) {
  auto flags = std::make_shared<CancelFlags>();
  AddOne(parent, "cancel", "Cancel a task: one that runs is asked to stop", &flags->id)
      .Text("--reason", "TEXT", &flags->reason, "Why, for those who look at it later")
      .Footer(
          "A task that waits is cancelled at once. For one that runs, its worker is told; when "
          "the\n"
          "attempt ends without completing it, or after the queue's cancel_grace, it is "
          "cancelled.\n")
      .Run([flags, &session] { return Cancel(session, *flags); });
}

void AddTaskRedrive(Command parent, Session& session) {
  auto id = std::make_shared<std::string>();
  AddOne(parent, "redrive", "Make a dead or cancelled task ready again, its attempts anew",
         id.get())
      .Run([id, &session] {
        return Ask(session, "POST", *id, "redrive", "", {.done = "is ready again", .already = ""});
      });
}

void AddTaskDelete(Command parent, Session& session) {
  auto id = std::make_shared<std::string>();
  AddOne(parent, "delete", "Delete a task that waits or has ended; nothing of it is kept", id.get())
      .Run([id, &session] {
        return Ask(session, "DELETE", *id, "", "", {.done = "is deleted", .already = ""});
      });
}

}  // namespace treadle::cli
