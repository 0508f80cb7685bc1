// treadle bulk run-now|cancel|redrive|delete|move|release, list, stop
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <thread>

#include "base/units.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/task_filter.h"
#include "console/table.h"

namespace treadle::cli {
namespace {

constexpr auto kBulkWatchEvery = std::chrono::milliseconds(200);

struct BulkFlags {
  TaskFilter filter;
  std::string queue;   // of a move: where to
  std::string reason;  // of a cancellation
  std::optional<int64_t> rate;
  bool count = false;
  bool yes = false;
};

struct Action {
  std::string_view command;
  std::string_view wire;
  std::string_view summary;
  std::string_view question;  // "Delete {}?"
};

constexpr Action kActions[] = {
    {"run-now", "run_now", "Run tasks now, without waiting for their time or backoff",
     "Run {} now?"},
    {"cancel", "cancel", "Cancel tasks and ask running ones to stop", "Cancel {}?"},
    {"redrive", "redrive", "Make dead, cancelled or expired tasks ready again", "Redrive {}?"},
    {"delete", "delete", "Delete tasks that are waiting or have ended", "Delete {}?"},
    {"move", "edit", "Move waiting tasks to another queue", "Move {}?"},
    {"release", "release", "Take running tasks back from their workers", "Release {}?"},
};

constexpr const Action& kPurge = kActions[3];
static_assert(kPurge.wire == "delete");

std::string Body(const Action& action, const BulkFlags& flags, bool count_only) {
  JsonObject body;
  body.Text("action", action.wire).Bool("count_only", count_only);
  if (flags.rate) body.Integer("rate", *flags.rate);
  if (!flags.reason.empty()) body.Text("reason", flags.reason);
  if (!flags.queue.empty()) body.Raw("edit", JsonObject().Text("queue", flags.queue).Done());
  return body.Done();
}

std::string Progress(const JsonNode& job) {
  return fmt::format("{} found, {} changed, {} skipped", WithCommas(job.Integer("found")),
                     WithCommas(job.Integer("changed")), WithCommas(job.Integer("skipped")));
}

/// Starts it and waits for its end, with its progress on a terminal.
Result<JsonDocument> RunToEnd(Session& session, const Action& action, const BulkFlags& flags,
                              bool count_only) {
  TREADLE_ASSIGN_OR_RETURN(
      JsonDocument job, session.CallJson("POST", "/v1/bulk?" + QueryOf(flags.filter),
                                         wire::kBulkShape, Body(action, flags, count_only), kCallMs,
                                         count_only ? Repeat::kSafe : Repeat::kOnce));
  const std::string id = job.root.Text("id");
  const bool shows = session.console().err_is_terminal();
  const auto has_ended = [&] {
    const std::string state = job.root.Text("state");
    return state != "running" && state != "pending";
  };
  while (!has_ended()) {
    if (shows) session.console().Err(fmt::format("\r{}  (bulk {})", Progress(job.root), id));
    std::this_thread::sleep_for(kBulkWatchEvery);
    TREADLE_ASSIGN_OR_RETURN(job, session.CallJson("GET", "/v1/bulk/" + id, wire::kBulkShape));
  }
  if (shows) session.console().Err("\r\x1b[K");
  return job;
}

ExitStatus PrintEnd(Session& session, const JsonNode& job) {
  if (session.json() || session.jsonl()) {
    PrintJson(session, job);
  } else {
    session.console().OutLine(fmt::format("{}: {}", job.Text("state"), Progress(job)));
  }
  if (const std::string error = job.Text("error"); !error.empty())
    return session.Fail(ExitStatus::kFailure, error);
  return job.Text("state") == "done" ? ExitStatus::kOk : ExitStatus::kFailure;
}

ExitStatus RunAction(Session& session, const Action& action, const BulkFlags& flags) {
  if (QueryOf(flags.filter).empty())
    return session.Fail(ExitStatus::kUsage,
                        "name the tasks, for example --queue emails --state dead");
  if (!flags.count && !flags.yes && !CanAsk())
    return session.Fail(
        ExitStatus::kUsage,
        "this may change many tasks, and there is no terminal to confirm it; add --yes");
  if (flags.count || !flags.yes) {
    const Result<JsonDocument> count = RunToEnd(session, action, flags, true);
    if (!count.ok()) return session.Fail(count.status());
    if (flags.count) return PrintEnd(session, count->root);
    const std::string tasks = Counted(count->root.Integer("found"), "task");
    if (!Confirmed(session, fmt::format(fmt::runtime(action.question), tasks)))
      return session.Fail(ExitStatus::kFailure, "nothing was changed");
  }
  const Result<JsonDocument> job = RunToEnd(session, action, flags, false);
  if (!job.ok()) {
    const ExitStatus status = session.Fail(job.status());
    session.Hint("  running actions:  " + session.CommandLineFor("bulk list"));
    return status;
  }
  return PrintEnd(session, job->root);
}

ExitStatus ListActions(Session& session) {
  const Result<JsonDocument> answer = session.CallJson("GET", "/v1/bulk", wire::kBulkListShape);
  if (!answer.ok()) return session.Fail(answer.status());
  if (session.json()) return PrintJson(session, answer->root), ExitStatus::kOk;
  Table table({{"ID"}, {"ACTION"}, {"STATE"}, {"PROGRESS"}, {"STARTED"}});
  for (const JsonNode& job : answer->root.Find("bulk")->items) {
    if (session.jsonl()) {
      PrintJson(session, job);
    } else {
      table.Row({job.Text("id"), job.Text("action"), job.Text("state"), Progress(job),
                 job.Text("started_at")});
    }
  }
  if (!session.jsonl()) session.console().Out(table.ToString(session.console()));
  return ExitStatus::kOk;
}

ExitStatus Stop(Session& session, const std::string& id) {
  const Result<JsonDocument> job =
      session.CallJson("POST", "/v1/bulk/" + id + "/stop", wire::kBulkShape);
  if (!job.ok()) return session.Fail(job.status());
  if (session.json() || session.jsonl()) return PrintJson(session, job->root), ExitStatus::kOk;
  session.console().OutLine(fmt::format("{}: {}", job->root.Text("state"), Progress(job->root)));
  return ExitStatus::kOk;
}

void AddAction(Command parent, Session& session, const Action& action) {
  auto flags = std::make_shared<BulkFlags>();
  Command command = parent.Sub(action.command, action.summary);
  if (action.command == "move")
    command.Positional("QUEUE", Need::kRequired, &flags->queue, "The queue to move them to");
  AddFilterFlags(command, &flags->filter);
  if (action.command == "cancel" || action.command == "release")
    command.Text("--reason", "TEXT", &flags->reason, "Why, for whoever looks at it later");
  command.Number("--rate", &flags->rate, 1, 1'000'000, "At most this many tasks a second")
      .Switch("--count", &flags->count, "Only count the tasks that match")
      .Switch("--yes", &flags->yes, "Do not count and ask first")
      .Example(fmt::format("treadle bulk {}{} --queue emails --state {} --count", action.command,
                           action.command == "move" ? " other" : "",
                           action.command == "redrive" ? "dead" : "ready"))
      .Run([flags, &action, &session] { return RunAction(session, action, *flags); });
}

}  // namespace

void AddQueuePurge(Command parent, Session& session) {
  auto flags = std::make_shared<BulkFlags>();
  parent.Sub("purge", "Delete the waiting and ended tasks of a queue")
      .Positional("NAME", Need::kRequired, &flags->filter.queue, "The name of the queue")
      .Text("--state", "STATE", &flags->filter.state, "Only those in this state, for example ready")
      .Switch("--count", &flags->count, "Only count the tasks")
      .Switch("--yes", &flags->yes, "Do not count and ask first")
      .Example("treadle queue purge emails --state ready --count")
      .Footer("Running tasks are skipped; cancel them first.\n")
      .Run([flags, &session] { return RunAction(session, kPurge, *flags); });
}

void AddBulk(Command parent, Session& session) {
  Command bulk = parent.Sub("bulk", "Apply one action to every task that matches");
  for (const Action& action : kActions) AddAction(bulk, session, action);
  bulk.Sub("list", "List running bulk actions and the last ones that ended")
      .Example("treadle bulk list")
      .Run([&session] { return ListActions(session); });
  auto id = std::make_shared<std::string>();
  bulk.Sub("stop", "Stop a bulk action")
      .Positional("ID", Need::kRequired, id.get(), "The ID of the bulk action, for example 3")
      .Example("treadle bulk stop 3")
      .Run([id, &session] { return Stop(session, *id); });
  bulk.Example("treadle bulk redrive --state dead --queue emails --rate 100");
}

}  // namespace treadle::cli
