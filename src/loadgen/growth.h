// The workload `growth` of `treadle bench`: whether many tasks that only wait make the others
// slower.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loadgen/load.h"
#include "loadgen/measurement.h"
#include "treadle/status.h"

namespace treadle::loadgen {

/// What waits on the server with many tasks: ready ones in the queue that is worked on, or ones
/// that are due in a day and later, beside as many ready ones as on the server with few.
enum class Growth { kQueued, kScheduled };

/// Two servers of our own below `parent`, one with few ready tasks and one with `tasks` more as
/// `kind` says. In turns, round by round, each takes enqueues and drains what was added, for
/// `load.duration`; a server that is measured has nothing to checkpoint at first, and the other one
/// rests. Of each, the rounds with the median rates: enqueue with few and many, drain with few and
/// many, those with many with their ratio.
Result<std::vector<Measurement>> MeasureGrowth(const std::string& parent, const Load& load,
                                               Growth kind, int64_t tasks);

}  // namespace treadle::loadgen
