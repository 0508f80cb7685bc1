// Running a worker until a signal ends it: what the `treadle worker` commands share.
#pragma once

#include "console/session.h"
#include "worker/pool.h"

namespace treadle::cli {

/// Options that reach the session's server. INVALID_ARGUMENT if its token cannot be read.
Result<worker::PoolSettings> WorkerOptionsFor(const Session& session);

/// Runs `worker` until SIGINT, SIGTERM or SIGHUP; a second signal ends the grace for what still
/// runs. One worker per process.
ExitStatus RunWorker(Session& session, worker::Pool& worker);

}  // namespace treadle::cli
