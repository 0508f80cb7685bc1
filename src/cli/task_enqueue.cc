// treadle task enqueue (and its alias: treadle enqueue)
#include <fmt/format.h>

#include <cstdlib>
#include <memory>

#include "base/random.h"
#include "base/traceparent.h"
#include "base/units.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/enqueue_file.h"
#include "cli/known_types.h"
#include "cli/payload_flags.h"
#include "client/wire.h"
#include "console/task_outcome.h"

namespace treadle::cli {
namespace {

struct EnqueueFlags {
  std::string type;
  std::string from;
  PayloadFlags payload;
  std::string queue;
  std::optional<int64_t> priority;
  std::optional<int64_t> max_attempts;
  std::string run_at;
  std::optional<int64_t> delay_ms;
  std::string key;
  std::vector<std::string> tags;
  std::optional<int64_t> expires_ms;
  std::optional<int64_t> deadline_ms;
  std::optional<int64_t> timeout_ms;
  std::string unique_while;
  std::optional<int64_t> contract;
  std::string traceparent;
  bool sensitive = false;
  std::optional<std::string> wait;  // "" without a time
};

constexpr int64_t kExplainMs = 5'000;
/// Longer than any answer is waited for, and short, for the server remembers the key so long.
constexpr int64_t kWindowOfOwnKeyMs = 600'000;

/// A key of its own for each call, so that a request that had to be sent again enqueues one task,
/// not two.
std::string KeyOfThisCall() {
  SystemRandom random;
  return fmt::format("treadle-cli-{:016x}{:016x}", random.Next(), random.Next());
}

// What the flag says is the server's to check; a variable that is malformed counts as none.
std::string TraceparentOf(const EnqueueFlags& flags) {
  const char* const variable = std::getenv("TRACEPARENT");
  if (!flags.traceparent.empty() || variable == nullptr) return flags.traceparent;
  const Traceparent traceparent = TraceparentFromHeader(variable);
  return traceparent.empty() ? "" : traceparent.Text().ToString();
}

Result<std::string> TaskBody(const EnqueueFlags& flags) {
  for (const std::string* text : {&flags.type, &flags.queue, &flags.key, &flags.traceparent}) {
    if (!IsUtf8(*text)) return InvalidArgument(fmt::format("\"{}\" is not UTF-8", *text));
  }
  TaskRequest task{.type = flags.type,
                   .priority = flags.priority,
                   .max_attempts = flags.max_attempts,
                   .delay_ms = flags.delay_ms,
                   .run_at = flags.run_at,
                   .idempotency_key = flags.key.empty() ? KeyOfThisCall() : flags.key,
                   .unique_while = flags.unique_while,
                   .tags = flags.tags,
                   .contract_version = flags.contract,
                   .sensitive = flags.sensitive,
                   .expires_ms = flags.expires_ms,
                   .deadline_ms = flags.deadline_ms,
                   .attempt_timeout_ms = flags.timeout_ms,
                   .traceparent = TraceparentOf(flags)};
  if (!flags.unique_while.empty() && flags.key.empty())
    return InvalidArgument("--unique-while needs an idempotency key: add --key");
  for (const std::string& tag : flags.tags)
    if (!IsUtf8(tag)) return InvalidArgument(fmt::format("\"{}\" is not UTF-8", tag));
  if (!flags.queue.empty()) task.queue = flags.queue;
  TREADLE_ASSIGN_OR_RETURN(std::optional<PayloadBytes> payload, ReadPayload(flags.payload));
  if (payload) {
    task.payload = std::move(payload->bytes);
    task.content_type = std::move(payload->content_type);
  }
  TREADLE_ASSIGN_OR_RETURN(std::string json, wire::EncodeTask(task));
  if (!flags.key.empty()) return json;
  json.pop_back();
  return json + fmt::format(R"(,"idempotency_window_ms":{}}})", kWindowOfOwnKeyMs);
}

// Nobody shall wait for a worker that does not exist without knowing it.
void SayIfNobodyRunsIt(Session& session, const std::string& id) {
  const Result<JsonDocument> why = session.CallJson("GET", "/v1/tasks/" + id + "/explain",
                                                    wire::kExplanationShape, {}, kExplainMs);
  if (!why.ok() || why->root.Text("reason") != "no_worker") return;
  const std::string type = why->root.Text("type");
  session.console().Message(
      Printable(fmt::format("no worker asks for tasks of type {} in queue {} so far{}", type,
                            why->root.Text("queue"), DidYouMeanType(session, type))));
}

ExitStatus Wait(Session& session, const std::string& id, std::optional<int64_t> timeout_ms) {
  session.console().Message(fmt::format("enqueued {}; waiting for its result", id));
  SayIfNobodyRunsIt(session, id);
  const Result<JsonDocument> view = WaitForTask(session, id, timeout_ms);
  if (!view.ok()) {
    const ExitStatus status = session.Fail(view.status());
    session.Hint("  check again:  " + session.CommandLineFor("task result " + id + " --wait"));
    return status;
  }
  return PrintOutcome(session, view->root);
}

void PrintEnqueued(Session& session, const EnqueueFlags& flags, const JsonNode& answer) {
  const std::string id = answer.Text("id");
  if (session.json() || session.jsonl()) return PrintJson(session, answer);
  session.console().OutLine(id);
  const JsonNode* duplicate = answer.Find("duplicate");
  const bool is_duplicate = duplicate != nullptr && duplicate->raw == "true";
  if (is_duplicate && !flags.key.empty() && !session.was_repeated()) {
    session.console().Message(
        fmt::format("the key \"{}\" was used before: this is the existing task", flags.key));
  }
  const std::string queue = flags.queue.empty() ? "" : " --queue " + flags.queue;
  session.Hint(fmt::format(
      "  run it:      {}\n  look at it:  {}",
      session.CommandLineFor(fmt::format("worker exec {}{} -- tr a-z A-Z", flags.type, queue)),
      session.CommandLineFor("task get " + id)));
}

ExitStatus FromFile(Session& session, const EnqueueFlags& flags) {
  const bool has_others = flags.priority || flags.max_attempts || flags.delay_ms ||
                          flags.expires_ms || flags.deadline_ms || flags.timeout_ms ||
                          flags.contract || flags.sensitive || flags.wait || flags.payload.text ||
                          !flags.payload.file.empty() || !flags.payload.content_type.empty() ||
                          flags.payload.raw || !flags.run_at.empty() || !flags.key.empty() ||
                          !flags.tags.empty() || !flags.unique_while.empty();
  if (has_others)
    return session.Fail(ExitStatus::kUsage,
                        "with --from, each line describes its whole task; only TYPE, --queue and "
                        "--traceparent may be added, as defaults");
  return EnqueueFile(session, {.path = flags.from,
                               .type = flags.type,
                               .queue = flags.queue,
                               .traceparent = TraceparentOf(flags)});
}

ExitStatus Enqueue(Session& session, const EnqueueFlags& flags) {
  if (!flags.from.empty()) return FromFile(session, flags);
  if (flags.type.empty())
    return session.Fail(ExitStatus::kUsage, "TYPE is missing; see: treadle task enqueue --help");
  std::optional<int64_t> timeout_ms;
  if (flags.wait && !flags.wait->empty()) {
    timeout_ms = ParseDuration(*flags.wait);
    if (!timeout_ms) {
      return session.Fail(
          ExitStatus::kUsage,
          fmt::format("--wait: \"{}\" is not a duration; write for example --wait=30s",
                      *flags.wait));
    }
  }
  const Result<std::string> body = TaskBody(flags);
  if (!body.ok()) return session.Fail(body.status());
  const Result<JsonDocument> answer =
      session.CallJson("POST", "/v1/tasks", wire::kEnqueuedShape, *body);
  if (!answer.ok()) return session.Fail(answer.status());
  if (flags.wait) return Wait(session, answer->root.Text("id"), timeout_ms);
  PrintEnqueued(session, flags, answer->root);
  return ExitStatus::kOk;
}

}  // namespace

void AddTaskEnqueue(Command parent, Session& session) {
  auto flags = std::make_shared<EnqueueFlags>();
  Command command =
      parent.Sub("enqueue", "Enqueue a task and print its ID, or enqueue all tasks of a file");
  command
      .Positional("TYPE", Need::kOptional, &flags->type, "The type of the task, for example hello")
      .Positional("PAYLOAD", &flags->payload.text,
                  "The payload for the worker, as JSON (default null)")
      .Text("--from", "FILE", &flags->from,
            "Enqueue the tasks of FILE, one JSON object on each line; - is standard input")
      .Text("-q,--queue", "NAME", &flags->queue, "The queue (default \"default\")")
      .Number("-p,--priority", &flags->priority, 0, 9,
              "Priority from 0 to 9; 9 runs first (default 5)")
      .Number("--max-attempts", &flags->max_attempts, 1, 1000,
              "Attempts before the task is dead (default 20)")
      .Text("--run-at", "RFC3339", &flags->run_at, "Earliest time to run: 2027-01-31T08:00:00Z")
      .Duration("--delay", &flags->delay_ms, "Time to wait before it runs: 30s")
      .Duration("--expires", &flags->expires_ms,
                "Expire the task if it has not begun within this time: 10m")
      .Duration("--deadline", &flags->deadline_ms,
                "Make the task dead if it has not ended within this time: 1h")
      .Duration("--timeout", &flags->timeout_ms,
                "Time limit for an attempt (default that of its type or queue, or none)")
      .Texts("--tag", "TAG", &flags->tags, "Tag to find the task by; may be repeated")
      .Text("-k,--key", "KEY", &flags->key,
            "Idempotency key: no second task is created with the same key")
      .Choice("--unique-while", {"waiting", "running", "done"}, &flags->unique_while,
              "Hold the key while the task is in these states, instead of for a time window")
      .Number("--contract", &flags->contract, 1, UINT32_MAX,
              "Version of the type's contract that the payload follows (default the newest)")
      .Text("--traceparent", "TRACEPARENT", &flags->traceparent,
            "W3C trace context for the worker (default $TRACEPARENT)")
      .Switch("--sensitive", &flags->sensitive,
              "Hide payload and result in lists, histories and worker logs");
  AddPayloadFlags(command, &flags->payload);
  command
      .TextOrNone("--wait", &flags->wait,
                  "Wait for the task and print its result; at most TIME with --wait=TIME")
      .Example(
          "treadle task enqueue hello '{\"name\":\"Ada\"}'\n"
          "treadle task enqueue hello '{\"name\":\"Ada\"}' --wait=30s\n"
          "treadle task enqueue resize --payload-file photo.png --content-type image/png\n"
          "treadle task enqueue --from tasks.jsonl")
      .Footer(
          "Each line of --from has the fields of the API's NewTask:\n"
          "{\"type\":\"hello\",\"payload\":{\"name\":\"Ada\"}}. TYPE, --queue and --traceparent "
          "apply to lines\n"
          "that name none.\n"
          "Many lines go into one request. The command stops at the first line that is refused: "
          "all lines\n"
          "before it are enqueued, none after it.\n")
      .Run([flags, &session] { return Enqueue(session, *flags); });
}

}  // namespace treadle::cli
