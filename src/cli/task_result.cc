// treadle task result, treadle task payload
#include <memory>

#include "base/hash.h"
#include "base/units.h"
#include "cli/commands.h"
#include "client/wire.h"
#include "console/task_outcome.h"

namespace treadle::cli {
namespace {

struct ResultFlags {
  std::string id;
  std::optional<std::string> wait;
};

ExitStatus PrintResult(Session& session, const ResultFlags& flags) {
  if (const Status status = CheckTaskId(flags.id); !status.ok()) return session.Fail(status);
  std::optional<int64_t> timeout_ms;
  if (flags.wait && !flags.wait->empty() && !(timeout_ms = ParseDuration(*flags.wait))) {
    return session.Fail(
        ExitStatus::kUsage,
        "--wait: \"" + *flags.wait + "\" is not a duration; write for example --wait=30s");
  }
  const Result<JsonDocument> view =
      flags.wait ? WaitForTask(session, flags.id, timeout_ms)
                 : session.CallJson("GET", "/v1/tasks/" + flags.id, wire::kTaskShape);
  if (!view.ok()) return session.Fail(view.status());
  const std::string state = view->root.Text("state");
  if (IsEnded(state)) return PrintOutcome(session, view->root);
  session.Fail(ExitStatus::kFailure,
               "task " + flags.id + " is " + state + "; it has no result yet");
  session.Hint("  wait for it:  " + session.CommandLineFor("task result " + flags.id + " --wait"));
  return ExitStatus::kFailure;
}

// In JSON form the bytes are a value of a document, as in the API.
ExitStatus PrintPayloadJson(Session& session, const std::string& id, const ServerAnswer& payload) {
  JsonObject object;
  object.Text("id", id);
  if (payload.content_type == wire::kJson) {
    object.Raw("payload", payload.body);
  } else {
    object.Text("content_type", payload.content_type);
    object.Text("payload_base64", ToBase64(payload.body));
  }
  const Result<JsonDocument> document = ReadJson(object.Done());
  if (!document.ok()) return session.Fail(document.status());
  return PrintJson(session, document->root), ExitStatus::kOk;
}

ExitStatus PrintPayload(Session& session, const std::string& id) {
  if (const Status status = CheckTaskId(id); !status.ok()) return session.Fail(status);
  const Result<ServerAnswer> payload = session.CallBytes("/v1/tasks/" + id + "/payload");
  if (!payload.ok()) return session.Fail(payload.status());
  if (session.json() || session.jsonl()) return PrintPayloadJson(session, id, *payload);
  PrintBytes(session, payload->body);
  return ExitStatus::kOk;
}

}  // namespace

void AddTaskResult(Command parent, Session& session) {
  auto flags = std::make_shared<ResultFlags>();
  parent.Sub("result", "Print the exact bytes of a task's result")
      .Positional("ID", Need::kRequired, &flags->id, "The ID of the task, for example 1-42")
      .TextOrNone("--wait", &flags->wait,
                  "Wait until the task has ended; at most TIME with --wait=TIME")
      .Example("treadle task result 1-42\ntreadle task result 1-42 --wait=30s")
      .Run([flags, &session] { return PrintResult(session, *flags); });
}

void AddTaskPayload(Command parent, Session& session) {
  auto id = std::make_shared<std::string>();
  parent.Sub("payload", "Print the exact bytes of a task's payload")
      .Positional("ID", Need::kRequired, id.get(), "The ID of the task, for example 1-42")
      .Example("treadle task payload 1-42")
      .Run([id, &session] { return PrintPayload(session, *id); });
}

}  // namespace treadle::cli
