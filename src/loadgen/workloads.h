// The workloads of `treadle bench`. Each runs against a Target, by the same client and worker that
// users have, and reports what it measured. One at a time.
#pragma once

#include <cstdint>

#include "loadgen/load.h"
#include "loadgen/measurement.h"
#include "loadgen/target.h"

namespace treadle::loadgen {

/// Callers that enqueue, each as soon as its last call returned, or at a rate. Latency is that of a
/// call, from its intended start: a call that could not begin in time because the one before was
/// slow counts the waiting too.
Result<Measurement> MeasureEnqueue(Target& target, const Load& load);

/// A worker that does nothing with `backlog` tasks, which wait in the queue: lease, run, report.
Result<Measurement> MeasureDrain(Target& target, const Load& load, int64_t backlog);

/// Callers, as fast as they go or at a rate, and a worker at once; until all that was enqueued has
/// been completed. `stall_ms` is between two handlers' ends, not between reports.
Result<Measurement> MeasureCycle(Target& target, const Load& load);

/// From the intended moment of the enqueue to the start of the handler, at `rate` tasks a second.
Result<Measurement> MeasureLatency(Target& target, const Load& load);

/// Single enqueues at `rate` while others write so much that checkpoints run: what the journal's
/// users feel of them. `checkpoints` is how many ran.
Result<Measurement> MeasureCheckpoint(Target& target, const Load& load);

/// What `tasks` queued ones add to the server's resident memory, after a checkpoint. Own servers.
Result<Measurement> MeasureMemory(Target& target, const Load& load, int64_t tasks);

/// From exec to ready after kill -9, with `queued` tasks in the queue. Own servers.
Result<Measurement> MeasureRecovery(Target& target, int64_t queued);

}  // namespace treadle::loadgen
