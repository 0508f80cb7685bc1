// Which tasks a command is about, as flags: of lists and of bulk actions.
#pragma once

#include <string>

#include "cli/arguments.h"

namespace treadle::cli {

struct TaskFilter {
  std::string state;
  std::string queue;
  std::string type;
  std::string tag;
  std::string key;
  std::string worker;
  std::string error_code;
  std::string fingerprint;
  std::string text;
  std::string payload_text;
  std::string enqueued_from;
  std::string enqueued_to;
  std::string finished_from;
  std::string finished_to;
};

/// `filter` must live until the command line is parsed.
void AddFilterFlags(Command& command, TaskFilter* filter);

/// As the query of a request: "state=dead&queue=emails"; empty if nothing is set.
std::string QueryOf(const TaskFilter& filter);

}  // namespace treadle::cli
