// treadle task history, treadle task log: what the attempts at a task left behind
#include <fmt/format.h>

#include <charconv>
#include <memory>

#include "base/units.h"
#include "cli/commands.h"
#include "cli/each_task.h"
#include "console/table.h"
#include "console/task_outcome.h"

namespace treadle::cli {
namespace {

// The last lines, which say most of a traceback.
std::string LastLines(std::string text) {
  static constexpr size_t kLines = 10;
  while (text.ends_with('\n')) text.pop_back();
  size_t begin = text.size();
  for (size_t lines = 0; lines < kLines && begin != std::string::npos; ++lines)
    begin = begin == 0 ? std::string::npos : text.rfind('\n', begin - 1);
  return begin == std::string::npos ? text : "…" + text.substr(begin);
}

// Milliseconds as people read them; nothing if the field is not there.
std::string Took(const JsonNode& attempt, std::string_view field) {
  return attempt.Find(field) == nullptr ? "" : DurationInWords(attempt.Integer(field));
}

std::string WhoRan(const JsonNode& attempt) {
  const std::string build = attempt.Text("build");
  return attempt.Text("worker") + (build.empty() ? "" : " (" + build + ")");
}

void PrintAttempts(Session& session, const JsonNode& history) {
  using enum Table::Align;
  Table table({{"ATTEMPT", kRight},
               {"OUTCOME"},
               {"STARTED"},
               {"WAITED", kRight},
               {"RAN", kRight},
               {"BACKOFF", kRight},
               {"WORKER"},
               {"ERROR"}});
  for (const JsonNode& attempt : history.Find("attempts")->items) {
    const JsonNode* error = attempt.Find("error");
    const std::string said =
        error == nullptr ? "" : error->Text("code") + "  " + LastLines(error->Text("message"));
    table.Row({std::to_string(attempt.Integer("attempt")), attempt.Text("outcome"),
               attempt.Text("started_at"), Took(attempt, "waited_ms"), Took(attempt, "ran_ms"),
               Took(attempt, "backoff_ms"), WhoRan(attempt), said});
  }
  if (table.empty()) return session.console().Message("no attempt has begun yet");
  session.console().Out(table.ToString(session.console()));
}

void PrintSaved(Session& session, const JsonNode& history) {
  if (const JsonNode* steps = history.Find("steps")) {
    std::string names;
    for (const JsonNode& step : steps->items)
      names.append(names.empty() ? "" : ", ").append(Printable(step.Text("name")));
    session.console().OutLine("steps done: " + names);
  }
  if (const JsonNode* checkpoint = history.Find("checkpoint"))
    session.console().OutLine(
        fmt::format("checkpoint: {} bytes", WithCommas(checkpoint->Integer("bytes"))));
}

ExitStatus History(Session& session, const std::string& id, bool is_one_of_several) {
  const Result<JsonDocument> history =
      session.CallJson("GET", "/v1/tasks/" + id + "/attempts", wire::kHistoryShape);
  if (!history.ok()) return session.Fail(history.status());
  if (session.json() || session.jsonl()) return PrintJson(session, history->root), ExitStatus::kOk;
  if (is_one_of_several) session.console().OutLine("task " + id);
  PrintAttempts(session, history->root);
  PrintSaved(session, history->root);
  return ExitStatus::kOk;
}

struct LogFlags {
  std::string id;
  bool raw = false;
  std::optional<int64_t> attempt;
};

ExitStatus PrintLogJson(Session& session, const std::string& id, const ServerAnswer& log) {
  int64_t attempt = 0;
  for (const auto& [name, value] : log.headers) {
    if (name == "treadle-attempt")
      std::from_chars(value.data(), value.data() + value.size(), attempt);
  }
  const Result<JsonDocument> document = ReadJson(
      JsonObject().Text("id", id).Integer("attempt", attempt).Text("log", log.body).Done());
  if (!document.ok()) return session.Fail(document.status());
  return PrintJson(session, document->root), ExitStatus::kOk;
}

ExitStatus Log(Session& session, const LogFlags& flags) {
  if (const Status status = CheckTaskId(flags.id); !status.ok()) return session.Fail(status);
  std::string target = "/v1/tasks/" + flags.id + "/log";
  if (flags.attempt) target += "?attempt=" + std::to_string(*flags.attempt);
  const Result<ServerAnswer> log = session.CallBytes(target, "treadle-attempt");
  if (!log.ok()) return session.Fail(log.status());
  if (session.json() || session.jsonl()) return PrintLogJson(session, flags.id, *log);
  if (log->body.empty()) {
    session.console().Message("no log is kept for this attempt");
  } else if (flags.raw) {
    session.console().Out(log->body);
  } else {
    PrintBytes(session, log->body);
  }
  return ExitStatus::kOk;
}

}  // namespace

void AddTaskHistory(Command parent, Session& session) {
  auto ids = std::make_shared<std::vector<std::string>>();
  Command history =
      parent.Sub("history", "Show every attempt of a task: who ran it, when, how it ended");
  AddIds(history, ids.get())
      .Example("treadle task history 1-42")
      .Footer(
          "WAITED is how long the attempt waited after it could begin. BACKOFF is the wait after "
          "it.\n")
      .Run([ids, &session] {
        return ForEachTask(session, *ids, [&](const std::string& id) {
          return History(session, id, ids->size() > 1);
        });
      });

  auto flags = std::make_shared<LogFlags>();
  parent.Sub("log", "Show the log of an attempt")
      .Positional("ID", Need::kRequired, &flags->id, "The ID of the task, for example 1-42")
      .Number("--attempt", &flags->attempt, 1, UINT32_MAX,
              "Which attempt, as `task history` numbers them (default: the last one)")
      .Switch("--raw", &flags->raw, "Print control characters unchanged, even to a terminal")
      .Example("treadle task log 1-42\ntreadle task log 1-42 --attempt 1")
      .Run([flags, &session] { return Log(session, *flags); });
}

}  // namespace treadle::cli
