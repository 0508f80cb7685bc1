// treadle queue set|drain|delete, treadle type set|delete
#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "cli/policy_file.h"
#include "client/wire.h"

namespace treadle::cli {
namespace {

struct SetFlags {
  std::string name;
  std::vector<std::string> fields;
};

ExitStatus PrintSaid(Session& session, const Result<JsonDocument>& answer,
                     const std::string& said) {
  if (!answer.ok()) return session.Fail(answer.status());
  if (session.json() || session.jsonl()) return PrintJson(session, answer->root), ExitStatus::kOk;
  session.console().OutLine(said);
  return ExitStatus::kOk;
}

// A mistyped name creates another queue; this text makes that visible.
std::string IfItIsNew(const Result<JsonDocument>& answer, std::string_view kind) {
  const JsonNode* const created = answer.ok() ? answer->root.Find("created") : nullptr;
  if (created == nullptr || created->raw != "true") return "";
  return fmt::format("; this {} is new", kind);
}

ExitStatus SetPolicy(Session& session, std::string_view kind, const SetFlags& flags) {
  const auto fields = ReadPolicyWords(flags.fields, kind == "type");
  if (!fields.ok()) return session.Fail(ExitStatus::kUsage, fields.status().message());
  const std::string path = fmt::format("/v1/{}s/{}", kind, wire::PercentEncode(flags.name));
  const wire::Shape& shape = kind == "type" ? wire::kTypeShape : wire::kQueueShape;
  const Result<JsonDocument> answer =
      session.CallJson("PUT", path, shape, PolicyChangeJson(*fields));
  return PrintSaid(
      session, answer,
      fmt::format("{} {} is set{}", kind, Printable(flags.name), IfItIsNew(answer, kind)));
}

struct DrainFlags {
  std::string name;
  bool off = false;
};

ExitStatus Drain(Session& session, const DrainFlags& flags) {
  const std::string body = JsonObject().Bool("draining", !flags.off).Done();
  const Result<JsonDocument> answer = session.CallJson(
      "PUT", "/v1/queues/" + wire::PercentEncode(flags.name), wire::kQueueShape, body);
  return PrintSaid(
      session, answer,
      fmt::format("queue {} {}{}", Printable(flags.name),
                  flags.off ? "accepts tasks again"
                            : "is draining: it accepts no new tasks; existing ones still run",
                  IfItIsNew(answer, "queue")));
}

ExitStatus Delete(Session& session, std::string_view kind, const std::string& name) {
  const std::string path = fmt::format("/v1/{}s/{}", kind, wire::PercentEncode(name));
  const wire::Shape& shape = kind == "queue" ? wire::kQueueShape : wire::kTypeShape;
  const Result<JsonDocument> answer = session.CallJson("DELETE", path, shape);
  const bool is_gone = !answer.ok() && answer.status().code() == Code::kNotFound;
  if (is_gone && session.was_repeated()) {
    session.console().Message(fmt::format("{} {} is gone; the reply to the first request was lost",
                                          kind, Printable(name)));
    return ExitStatus::kOk;
  }
  return PrintSaid(session, answer, fmt::format("{} {} is deleted", kind, Printable(name)));
}

void AddSet(Command parent, Session& session, const std::string& kind, std::string_view example) {
  auto flags = std::make_shared<SetFlags>();
  parent.Sub("set", fmt::format("Change the policy of a {}", kind))
      .Positional("NAME", Need::kRequired, &flags->name, fmt::format("The name of the {}", kind))
      .Many("FIELD=VALUE", &flags->fields,
            "What to change, using the fields of a policy file (treadle apply): lease=45s")
      .Example(example)
      .Run([flags, kind, &session] { return SetPolicy(session, kind, *flags); });
}

}  // namespace

void AddQueueSet(Command parent, Session& session) {
  AddSet(parent, session, "queue",
         "treadle queue set emails lease=45s retry.max_attempts=5\n"
         "treadle queue set emails capacity.tasks=100000 retention.completed=2h");
  auto drain = std::make_shared<DrainFlags>();
  parent.Sub("drain", "Drain a queue: refuse new tasks; existing ones still run")
      .Positional("NAME", Need::kRequired, &drain->name, "The name of the queue")
      .Switch("--off", &drain->off, "Accept tasks again")
      .Example("treadle queue drain emails")
      .Run([drain, &session] { return Drain(session, *drain); });
  auto name = std::make_shared<std::string>();
  parent.Sub("delete", "Delete a queue that has no tasks, not even ended ones")
      .Positional("NAME", Need::kRequired, name.get(), "The name of the queue")
      .Example("treadle queue delete emails")
      .Run([name, &session] { return Delete(session, "queue", *name); });
}

void AddTypeSet(Command parent, Session& session) {
  AddSet(parent, session, "type",
         "treadle type set resize attempt_timeout=10m retry.preset=patient");
  auto name = std::make_shared<std::string>();
  parent.Sub("delete", "Delete a task type that has no tasks, with its policy and contracts")
      .Positional("NAME", Need::kRequired, name.get(), "The name of the task type")
      .Example("treadle type delete resize")
      .Run([name, &session] { return Delete(session, "type", *name); });
}

}  // namespace treadle::cli
