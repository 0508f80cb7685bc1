// Canaries: bugs that the simulation must find. A checker that catches none of them cannot be
// trusted.
#pragma once

#include <string>

#include "sim/runner.h"

namespace treadle::sim {

/// Switches a bug on for the rest of the process. False: this build has no such bug.
bool ReleaseCanary(const std::string& name);

/// Runs the seeds with each bug in turn and prints a table of how many seeds found it. False if a
/// bug was never found, or if this build has no canaries.
bool RunCanaries(const RunnerOptions& options);

}  // namespace treadle::sim
