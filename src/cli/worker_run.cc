#include "cli/worker_run.h"

#include <atomic>
#include <csignal>

#include "worker/stop_signals.h"

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
  std::signal(SIGCHLD, SIG_DFL);  // whoever ignored it did not know of programs to be waited for
  Status status;
  {
    const worker::StopSignals signals(StopWorker);
    status = worker.Run();
  }
  g_worker = nullptr;
  return status.ok() ? ExitStatus::kOk : session.Fail(status);
}

}  // namespace treadle::cli
