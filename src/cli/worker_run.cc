#include "cli/worker_run.h"

#include <atomic>
#include <csignal>

namespace treadle::cli {
namespace {

std::atomic<worker::Pool*> g_worker = nullptr;

void StopWorker(int) {
  if (worker::Pool* worker = g_worker.load()) worker->Stop();
}

}  // namespace

Result<worker::PoolSettings> WorkerOptionsFor(const Session& session) {
  worker::PoolSettings options;
  TREADLE_ASSIGN_OR_RETURN(options.client, session.Target());
  return options;
}

ExitStatus RunWorker(Session& session, worker::Pool& worker) {
  g_worker = &worker;
  std::signal(SIGINT, StopWorker);
  std::signal(SIGTERM, StopWorker);
  const Status status = worker.Run();
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  g_worker = nullptr;
  return status.ok() ? ExitStatus::kOk : session.Fail(status);
}

}  // namespace treadle::cli
