// What became of a task that a command acted on.
#pragma once

#include <string_view>

#include "console/session.h"

namespace treadle::cli {

/// The rest of a sentence about a task: "task 1-42 <done>".
struct StandingWords {
  std::string_view done;
  std::string_view already;  // nothing was changed
};

/// The answer of the server about task `id`, in the asked form; or its error. An answer about
/// another task, or one that says nothing about this one, is an error.
ExitStatus PrintStanding(Session& session, std::string_view id, const Result<JsonDocument>& answer,
                         const StandingWords& words);

}  // namespace treadle::cli
