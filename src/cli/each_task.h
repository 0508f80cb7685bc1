// Commands about several tasks, each named by its id.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "console/session.h"

namespace treadle::cli {

/// Adds the ids as words of the command, at least one.
Command& AddIds(Command& command, std::vector<std::string>* ids);

/// Does `one` with each of the ids, in their order; what it prints as JSON becomes one list if
/// there are several. Nothing is done if an id has not the form of one. What to return from the
/// command is the highest of the exit statuses; without a server, or without its permission, the
/// rest is left out.
ExitStatus ForEachTask(Session& session, const std::vector<std::string>& ids,
                       const std::function<ExitStatus(const std::string& id)>& one);

}  // namespace treadle::cli
