// The workload `burst` of `treadle bench`: what ten times the usual rate does to latency, and how
// soon it is forgotten.
#pragma once

#include <vector>

#include "loadgen/load.h"
#include "loadgen/measurement.h"
#include "loadgen/target.h"

namespace treadle::loadgen {

/// `load.rate` for a third of `load.duration`, ten times that for all of it, and `load.rate` for as
/// long again: a measurement of each. Latency is from the intended enqueue to the start of the
/// handler. Tasks that the server refuses are counted, and not sent again.
Result<std::vector<Measurement>> MeasureBurst(const Target& target, const Load& load);

}  // namespace treadle::loadgen
