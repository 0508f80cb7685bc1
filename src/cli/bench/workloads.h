// The workloads of `treadle bench`. Each runs against a Target, by the same client and worker that
// users have, and says what it measured. One at a time.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "cli/bench/measurement.h"
#include "cli/bench/target.h"

namespace treadle::cli::bench {

struct Load {
  std::string queue;  // of this run alone
  int64_t payload_bytes = 256;
  std::chrono::milliseconds duration{3'000};  // of each measurement
  int64_t rate = 0;                           // calls per second; 0: as fast as it goes
  int64_t batch = 1;
  int64_t callers = 1;
  Coalesce coalesce = Coalesce::kOff;
  std::function<bool()> interrupted;  // asked often; true ends the measurement early
};

/// Callers that enqueue, each as soon as its last call returned, or at a rate. Latency is that of a
/// call, from its intended start: a call that could not begin in time because the one before was
/// slow counts the waiting too.
Result<Measurement> MeasureEnqueue(Target& target, const Load& load);

/// Fills the queue with `tasks` more, as fast as it goes; how many they became (whole batches of up
/// to 1,000). Fewer if it is interrupted.
Result<int64_t> EnqueueBacklog(Target& target, const Load& load, int64_t tasks);

/// A worker that does nothing with `backlog` tasks, which wait in the queue: lease, run, report.
Result<Measurement> MeasureDrain(Target& target, const Load& load, int64_t backlog);

/// Callers, as fast as they go or at a rate, and a worker at once; until all that was enqueued has
/// been completed.
Result<Measurement> MeasureCycle(Target& target, const Load& load);

/// From the intended moment of the enqueue to the start of the handler, at `rate` tasks a second.
Result<Measurement> MeasureLatency(Target& target, const Load& load);

/// Single enqueues at `rate` while others write so much that checkpoints run: what the journal's
/// users feel of them. `checkpoints` says how many ran.
Result<Measurement> MeasureCheckpoint(Target& target, const Load& load);

/// What `tasks` queued ones add to the server's resident memory, after a checkpoint. Own servers.
Result<Measurement> MeasureMemory(Target& target, const Load& load, int64_t tasks);

/// From exec to ready after kill -9, with `queued` tasks in the queue. Own servers.
Result<Measurement> MeasureRecovery(Target& target, int64_t queued);

}  // namespace treadle::cli::bench
