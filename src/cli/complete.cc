// treadle __complete: what the completion scripts ask for while somebody types. It says what it
// finds, or nothing, and never keeps a shell waiting: no message, no failure, half a second at
// most.
#include <cstdlib>
#include <memory>
#include <thread>

#include "cli/commands.h"
#include "cli/contexts.h"
#include "console/pages.h"

namespace treadle::cli {
namespace {

constexpr int64_t kServerMs = 300;
constexpr auto kAllOfIt = std::chrono::milliseconds(500);  // looking up a host name included

// Shells read the names as words of a command line, so nothing else gets there.
bool IsPlain(std::string_view name) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name[0] != '-' && name.find_first_not_of(kPlain) == std::string::npos;
}

void Offer(Session& session, const std::string& name) {
  if (IsPlain(name)) session.console().OutLine(name);
}

void OfferQueues(Session& session) {
  const auto offer = [&](const std::vector<JsonNode>& queues) {
    for (const JsonNode& queue : queues) Offer(session, queue.Text("name"));
    return true;
  };
  (void)ForEachPage(session, "/v1/queues", "queues", wire::kQueueListShape, offer, kServerMs);
}

void OfferContexts(Session& session) {
  const Result<Contexts> contexts = ReadContexts();
  if (!contexts.ok()) return;
  for (const auto& [name, context] : contexts->by_name) Offer(session, name);
}

}  // namespace

void AddComplete(Command parent, Session& session) {
  auto what = std::make_shared<std::string>();
  Command complete = parent.Sub("__complete", "Print names for completion scripts");
  complete.Hide();
  complete.Positional("WHAT", Need::kRequired, what.get(), "queues or contexts")
      .Run([what, &session] {
        std::thread([] {
          std::this_thread::sleep_for(kAllOfIt);
          std::_Exit(0);
        }).detach();
        session.set_patience_ms(0);
        if (*what == "queues") OfferQueues(session);
        if (*what == "contexts") OfferContexts(session);
        return ExitStatus::kOk;
      });
}

}  // namespace treadle::cli
