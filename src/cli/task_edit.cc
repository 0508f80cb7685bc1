// treadle task edit, treadle task move
#include <fmt/format.h>

#include <memory>

#include "base/hash.h"
#include "cli/commands.h"
#include "cli/payload_flags.h"
#include "cli/task_standing.h"
#include "client/wire.h"

namespace treadle::cli {
namespace {

struct EditFlags {
  std::string id;
  PayloadFlags payload;
  std::string queue;
  std::optional<int64_t> priority;
  std::optional<int64_t> max_attempts;
  std::string run_at;
  std::optional<int64_t> delay_ms;
};

void AddPayload(const PayloadBytes& payload, JsonObject* edit) {
  if (payload.content_type == wire::kJson) {
    edit->Raw("payload", payload.bytes);
  } else {
    edit->Text("payload_base64", ToBase64(payload.bytes));
    edit->Text("content_type", payload.content_type);
  }
}

Result<std::string> EditJson(const EditFlags& flags) {
  JsonObject edit;
  if (!flags.queue.empty()) edit.Text("queue", flags.queue);
  if (flags.priority) edit.Integer("priority", *flags.priority);
  if (flags.max_attempts) edit.Integer("max_attempts", *flags.max_attempts);
  if (!flags.run_at.empty()) edit.Text("run_at", flags.run_at);
  if (flags.delay_ms) edit.Integer("delay_ms", *flags.delay_ms);
  TREADLE_ASSIGN_OR_RETURN(const std::optional<PayloadBytes> payload, ReadPayload(flags.payload));
  if (payload) AddPayload(*payload, &edit);
  if (edit.Done() != "{}") return edit.Done();
  return Status(Code::kInvalidArgument,
                "nothing to change: name at least one field, for example --priority 9");
}

ExitStatus Edit(Session& session, const EditFlags& flags, const StandingWords& words) {
  if (const Status status = CheckTaskId(flags.id); !status.ok()) return session.Fail(status);
  const Result<std::string> body = EditJson(flags);
  if (!body.ok()) return session.Fail(body.status());
  return PrintStanding(
      session, flags.id,
      session.CallJson("PATCH", "/v1/tasks/" + flags.id, wire::kStandingShape, *body), words);
}

}  // namespace

void AddTaskEdit(Command parent, Session& session) {
  auto flags = std::make_shared<EditFlags>();
  Command command =
      parent.Sub("edit", "Change a task that is waiting, or an ended one before a redrive");
  command.Positional("ID", Need::kRequired, &flags->id, "The ID of the task, for example 1-42")
      .Positional("PAYLOAD", &flags->payload.text, "The new payload, as JSON")
      .Number("-p,--priority", &flags->priority, 0, 9, "Priority from 0 to 9; 9 runs first")
      .Number("--max-attempts", &flags->max_attempts, 1, 1000, "Attempts before the task is dead")
      .Text("--run-at", "RFC3339", &flags->run_at, "Earliest time to run: 2027-01-31T08:00:00Z")
      .Duration("--delay", &flags->delay_ms, "Time to wait before it runs: 30s");
  AddPayloadFlags(command, &flags->payload);
  command
      .Example(
          "treadle task edit 1-42 '{\"name\":\"Grace\"}'\n"
          "treadle task edit 1-42 --priority 9 --delay 10m")
      .Run([flags, &session] {
        return Edit(session, *flags, {.done = "is changed", .already = "is unchanged"});
      });
}

void AddTaskMove(Command parent, Session& session) {
  auto flags = std::make_shared<EditFlags>();
  parent.Sub("move", "Move a waiting task to another queue")
      .Positional("ID", Need::kRequired, &flags->id, "The ID of the task, for example 1-42")
      .Positional("QUEUE", Need::kRequired, &flags->queue, "The new queue; created if needed")
      .Example("treadle task move 1-42 emails")
      .Run([flags, &session] {
        return Edit(session, *flags, {.done = "is moved", .already = "was already there"});
      });
}

}  // namespace treadle::cli
