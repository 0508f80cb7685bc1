// treadle task run-now, cancel, redrive, release, delete
#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "cli/each_task.h"
#include "cli/task_standing.h"

namespace treadle::cli {
namespace {

/// What is asked of a task.
struct Wish {
  std::string_view method = "POST";
  std::string_view verb;  // behind its path; empty: none
  std::string body;
  StandingWords words;
  /// Says that the wish was fulfilled before, so that it is when an answer was lost.
  Code fulfilled = Code::kOk;
};

ExitStatus Ask(Session& session, const Wish& wish, const std::string& id) {
  const std::string path =
      fmt::format("/v1/tasks/{}{}{}", id, wish.verb.empty() ? "" : "/", wish.verb);
  const Result<JsonDocument> answer =
      session.CallJson(wish.method, path, wire::kStandingShape, wish.body);
  if (!answer.ok() && session.was_repeated() && answer.status().code() == wish.fulfilled) {
    // Not "is deleted": it may never have existed.
    const std::string_view said = wish.fulfilled == Code::kNotFound ? "is gone" : wish.words.done;
    session.console().Message(
        fmt::format("task {} {}; the reply to the first request was lost", id, said));
    return ExitStatus::kOk;
  }
  StandingWords words = wish.words;
  if (wish.verb == "release" && answer.ok() && answer->root.Text("state") == "cancelled")
    words.done = "is cancelled, as requested before";
  return PrintStanding(session, id, answer, words);
}

void AddWish(Command parent, Session& session, std::string_view name, std::string_view summary,
             const Wish& wish) {
  auto ids = std::make_shared<std::vector<std::string>>();
  Command command = parent.Sub(name, summary);
  AddIds(command, ids.get())
      .Example(fmt::format("treadle task {0} 1-42\ntreadle task {0} 1-42 1-43 1-44", name))
      .Run([ids, wish, &session] {
        return ForEachTask(session, *ids,
                           [&](const std::string& id) { return Ask(session, wish, id); });
      });
}

struct ReasonFlags {
  std::vector<std::string> ids;
  std::string reason;
};

/// A wish that may say why.
Command AddReasonedWish(Command parent, Session& session, std::string_view name,
                        std::string_view summary, std::string_view reason, const Wish& wish) {
  auto flags = std::make_shared<ReasonFlags>();
  Command command = parent.Sub(name, summary);
  AddIds(command, &flags->ids)
      .Text("--reason", "TEXT", &flags->reason, reason)
      .Run([flags, wish, &session] {
        Wish said = wish;
        if (!flags->reason.empty()) said.body = JsonObject().Text("reason", flags->reason).Done();
        return ForEachTask(session, flags->ids,
                           [&](const std::string& id) { return Ask(session, said, id); });
      });
  return command;
}

}  // namespace

void AddTaskRunNow(Command parent, Session& session) {
  AddWish(parent, session, "run-now", "Run a task now, without waiting for its time or backoff",
          {.verb = "run-now",
           .body = "",
           .words = {.done = "is ready", .already = "was not waiting for its time or backoff"}});
}

void AddTaskCancel(Command parent, Session& session) {
  AddReasonedWish(parent, session, "cancel", "Cancel a task, or ask a running one to stop",
                  "Why, for whoever looks at it later",
                  {.verb = "cancel",
                   .body = "",
                   .words = {.done = "is cancelled", .already = "was already cancelled"}})
      .Example("treadle task cancel 1-42\ntreadle task cancel 1-42 1-43 --reason duplicates")
      .Footer(
          "A waiting task is cancelled at once. For a running task, the server notifies its "
          "worker; the\n"
          "task is cancelled when the attempt ends without completing it, or after the queue's\n"
          "cancel_grace.\n");
}

void AddTaskRelease(Command parent, Session& session) {
  AddReasonedWish(parent, session, "release", "Take a running task back from its worker",
                  "Why, for the history of the task",
                  {.verb = "release",
                   .body = "",
                   .words = {.done = "is ready again", .already = "was not running"}})
      .Example("treadle task release 1-42 --reason 'node-1 hangs'")
      .Footer(
          "The task is ready again at once, and the attempt does not count. Its history shows that "
          "the\n"
          "attempt was released by hand. The server notifies the worker that it lost the lease, "
          "but the\n"
          "worker may keep running: release a task when its worker is stuck or gone for good.\n");
}

void AddTaskRedrive(Command parent, Session& session) {
  AddWish(parent, session, "redrive",
          "Make a dead or cancelled task ready again, with fresh attempts",
          {.verb = "redrive",
           .body = "",
           .words = {.done = "is ready again", .already = ""},
           .fulfilled = Code::kFailedPrecondition});
}

void AddTaskDelete(Command parent, Session& session) {
  AddWish(parent, session, "delete",
          "Delete a task that is waiting or has ended, with everything kept of it",
          {.method = "DELETE",
           .verb = "",
           .body = "",
           .words = {.done = "is deleted", .already = ""},
           .fulfilled = Code::kNotFound});
}

}  // namespace treadle::cli
