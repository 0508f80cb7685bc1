// The token that a client sends, from the file that holds it. Any thread.
#pragma once

#include <string>

#include "base/status.h"

namespace treadle {

/// The first line of the file that is neither empty nor a comment (#), without the white space
/// around it. INVALID_ARGUMENT: the file cannot be read, or holds none.
Result<std::string> ReadToken(const std::string& path);

}  // namespace treadle
