// The regular files below a directory. Any thread.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace treadle::demo {

struct Walk {
  std::vector<std::string> files;  // paths that begin with the directory; sorted by their bytes
  std::vector<std::string> unreadable;  // directories that could not be listed; sorted
};

/// Follows no symbolic link. What vanishes meanwhile is left out. NOT_FOUND, FAILED_PRECONDITION or
/// PERMISSION_DENIED if `directory` itself is missing, is none, or cannot be listed.
Result<Walk> WalkFiles(const std::string& directory);

}  // namespace treadle::demo
