// The secret that requests must carry.
#pragma once

#include <string>

#include "base/status.h"

namespace treadle::app {

struct TokenFile {
  std::string token;
  bool others_can_read = false;  // by the file's mode
};

/// The first line that is neither empty nor a comment ("#"), as the command line reads it too.
/// INVALID_ARGUMENT: there is none, it is shorter than 16 characters, or the file cannot be read.
Result<TokenFile> ReadTokenFile(const std::string& path);

}  // namespace treadle::app
