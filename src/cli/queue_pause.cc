// treadle queue pause, treadle queue resume
#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "client/wire.h"

namespace treadle::cli {
namespace {

ExitStatus SetPaused(Session& session, const std::string& name, std::string_view verb,
                     std::string_view said) {
  const Result<JsonDocument> queue = session.CallJson(
      "POST", fmt::format("/v1/queues/{}/{}", wire::PercentEncode(name), verb), wire::kQueueShape);
  if (!queue.ok()) return session.Fail(queue.status());
  if (session.json() || session.jsonl()) return PrintJson(session, queue->root), ExitStatus::kOk;
  session.console().OutLine(fmt::format("queue {} {}", Printable(name), said));
  return ExitStatus::kOk;
}

void AddVerb(Command parent, Session& session, const std::string& verb, std::string_view summary,
             const std::string& said) {
  auto name = std::make_shared<std::string>();
  parent.Sub(verb, summary)
      .Positional("NAME", Need::kRequired, name.get(), "The name of the queue")
      .Example(fmt::format("treadle queue {} emails", verb))
      .Run([=, &session] { return SetPaused(session, *name, verb, said); });
}

}  // namespace

void AddQueuePause(Command parent, Session& session) {
  AddVerb(parent, session, "pause", "Pause a queue: stop leasing its tasks; running ones continue",
          "is paused: it accepts tasks but leases none");
}

void AddQueueResume(Command parent, Session& session) {
  AddVerb(parent, session, "resume", "Resume a paused queue", "is resumed");
}

}  // namespace treadle::cli
