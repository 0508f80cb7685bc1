// `treadle data check --repair`: a damaged data directory made one that a server opens, after
// copying it whole.
#pragma once

#include <functional>
#include <string>

#include "cli/cli.h"

namespace treadle::app {

/// See cli::RepairDataFn. What is decided, and why, is in app/repair_plan.h.
Result<cli::RepairReport> RepairData(const std::string& directory,
                                     const std::function<void(const std::string&)>& say);

}  // namespace treadle::app
