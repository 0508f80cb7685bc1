// Callers: threads that enqueue over one client, and what they were answered.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

#include "loadgen/histogram.h"
#include "loadgen/load.h"
#include "loadgen/schedule.h"
#include "loadgen/stall_watch.h"
#include "loadgen/target.h"

namespace treadle::loadgen {

int64_t UsSince(SteadyClock::time_point begun);
double SecondsSince(SteadyClock::time_point begun);

/// Of all callers of a measurement. Their threads share it; look at `latency` and `failure` when
/// they have ended.
struct Answers {
  /// Called, by any thread, for a call that the server refused because it is full; then the callers
  /// continue. Empty: that is a failure like others.
  std::function<void(SteadyClock::time_point intended)> refused;

  std::atomic<int64_t> tasks = 0;  // that were accepted
  std::atomic<bool> stop = false;
  StallWatch stalls;
  std::mutex mutex;
  Status failure;     // the first one, which ends all calls
  Histogram latency;  // of calls, from their intended start

  void Answered(SteadyClock::time_point intended, const Status& status);
  void Fail(const Status& status);
};

/// The tasks of a call, from its intended start. Called by all callers at once.
using MakeTasks = std::function<std::vector<TaskRequest>(SteadyClock::time_point intended)>;
MakeTasks SameTasks(const Load& load);

/// Runs `load.callers` of them until the schedule ends, the load is interrupted or a call fails.
Status RunCallers(const Target& target, const Load& load, Schedule& schedule, Answers& answers,
                  const MakeTasks& make);
/// The same by the rate and the duration of the load.
Status RunCallers(const Target& target, const Load& load, Answers& answers, const MakeTasks& make);

/// Enqueues `tasks` (rounded up to whole batches of up to 1,000) as fast as one caller can; how
/// many they became. Fewer if it is interrupted. `make` is given how many there were before the
/// batch, and its size.
Result<int64_t> EnqueueBacklog(
    const Target& target, const Load& load, int64_t tasks,
    const std::function<std::vector<TaskRequest>(int64_t before, int64_t count)>& make);
/// Of plain ones.
Result<int64_t> EnqueueBacklog(const Target& target, const Load& load, int64_t tasks);

}  // namespace treadle::loadgen
