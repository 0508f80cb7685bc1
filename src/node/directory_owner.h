// Whose a data directory is, and what it is on.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace treadle {

/// Looks at a directory that a server is about to use. PERMISSION_DENIED: it
/// belongs to another user, above all if root would leave files in it that its owner cannot read.
/// Else what should be changed, one sentence each, with the command to type.
Result<std::vector<std::string>> CheckDirectory(const std::string& path);

}  // namespace treadle
