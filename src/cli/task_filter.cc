#include "cli/task_filter.h"

#include "client/wire.h"

namespace treadle::cli {

void AddFilterFlags(Command& command, TaskFilter* filter) {
  command
      .Choice("-s,--state",
              {"scheduled", "ready", "running", "retrying", "completed", "dead", "cancelled",
               "expired"},
              &filter->state, "Only tasks in this state")
      .Text("-q,--queue", "NAME", &filter->queue, "Only tasks of this queue")
      .Text("-t,--type", "TYPE", &filter->type, "Only tasks of this type");
}

std::string QueryOf(const TaskFilter& filter) {
  std::string query;
  const auto add = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    query.append(query.empty() ? "" : "&").append(name).append("=");
    query.append(wire::PercentEncode(value));
  };
  add("state", filter.state);
  add("queue", filter.queue);
  add("type", filter.type);
  return query;
}

}  // namespace treadle::cli
