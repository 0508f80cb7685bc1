// `treadle data check`: what journal, store and recovery say of a data directory, without changing
// it.
#pragma once

#include <string>

#include "cli/cli.h"

namespace treadle::app {

/// See cli::CheckDataFn.
Result<cli::DataReport> CheckData(const std::string& directory);

}  // namespace treadle::app
