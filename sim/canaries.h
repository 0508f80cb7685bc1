// Canaries: the bugs that the simulation must find. A checker that none of them trips is not
// trusted.
#pragma once

#include <string>

#include "sim/runner.h"

namespace treadle::sim {

/// Switches a bug on, for good. False: this build has no such bug.
bool ReleaseCanary(const std::string& name);

/// Runs the seeds with each bug in turn and prints a table: in how many seeds it was found. False
/// if one was not found, or if this build has none.
bool RunCanaries(const RunnerOptions& options);

}  // namespace treadle::sim
