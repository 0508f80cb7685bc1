// `treadle data check --repair`: a damaged data directory made one that a server opens, after
// copying it whole.
#pragma once

#include <functional>
#include <string>

#include "tools/data_tools.h"

namespace treadle::tools {

/// See RepairDataFn. What is decided, and why, is in tools/repair_plan.h.
Result<RepairReport> RepairData(const std::string& directory,
                                const std::function<void(const std::string&)>& say);

}  // namespace treadle::tools
