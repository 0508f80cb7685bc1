// The command line apart from the process, for tests.
#pragma once

#include <string>
#include <vector>

#include "cli/cli.h"
#include "console/console.h"
#include "console/exit_status.h"

namespace treadle::cli {

/// Runs the command in `words` (without the program's name), writing to `console`.
ExitStatus RunCommand(std::vector<std::string> words, Console& console, const ServeFn& serve,
                      const tools::DataTools& data_tools = {});

}  // namespace treadle::cli
