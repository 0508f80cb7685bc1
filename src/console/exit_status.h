// The exit statuses of `treadle`, as `treadle --help` documents them. They are part of the
// interface: scripts rely on them, so a number never changes its meaning.
#pragma once

#include <string_view>

#include "base/status.h"

namespace treadle {

enum class ExitStatus : int {
  kOk = 0,
  kFailure = 1,
  kUsage = 2,
  kUnreachable = 3,
  kBadInput = 4,
  kNotFound = 5,
  kTaskDied = 6,
  kTimedOut = 7,
  kRefused = 8,
  kPermission = 9,
};

/// The exit status that fits `status` (not ok) best.
ExitStatus ExitStatusFor(const Status& status);

/// The table of exit statuses for people, one line each.
std::string_view ExitStatusHelp();

}  // namespace treadle
