// Which tasks a command is about, as flags: of lists and of bulk actions.
#pragma once

#include <string>

#include "cli/arguments.h"

namespace treadle::cli {

struct TaskFilter {
  std::string state;
  std::string queue;
  std::string type;
};

/// `filter` must live until the command line is parsed.
void AddFilterFlags(Command& command, TaskFilter* filter);

/// As the query of a request: "state=dead&queue=emails"; empty if nothing is set.
std::string QueryOf(const TaskFilter& filter);

}  // namespace treadle::cli
