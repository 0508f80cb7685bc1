// treadle worker demo
#include <memory>

#include "cli/commands.h"
#include "cli/worker_run.h"
#include "demo/handlers.h"
#include "demo/job.h"
#include "worker/init_process.h"

namespace treadle::cli {
namespace {

ExitStatus WorkerDemo(Session& session, std::optional<int64_t> concurrency) {
  worker::BecomeInitIfFirst();
  Result<worker::PoolSettings> options = WorkerOptionsFor(session);
  if (!options.ok()) return session.Fail(options.status());
  options->queues = {std::string(demo::kQueue)};
  if (concurrency) options->concurrency = static_cast<size_t>(*concurrency);
  const Result<std::unique_ptr<worker::Pool>> worker = worker::Pool::Make(*options);
  if (!worker.ok()) return session.Fail(worker.status());
  (*worker)->Handle(std::string(demo::kScan), demo::MakeScanHandler(options->client));
  (*worker)->Handle(std::string(demo::kDigest), demo::MakeDigestHandler());
  (*worker)->Handle(std::string(demo::kPace), demo::MakePaceHandler());
  session.Hint("  give it work:  " + session.CommandLineFor("demo /usr/include"));
  return RunWorker(session, **worker);
}

}  // namespace

void AddWorkerDemo(Command parent, Session& session) {
  auto concurrency = std::make_shared<std::optional<int64_t>>();
  parent.Sub("demo", "Run the demo's tasks (scan, digest and pace) from the queue \"demo\"")
      .Number("-c,--concurrency", concurrency.get(), 1, 1000,
              "Tasks to run at the same time (default 10)")
      .Example("treadle worker demo")
      .Run([concurrency, &session] { return WorkerDemo(session, *concurrency); });
}

}  // namespace treadle::cli
