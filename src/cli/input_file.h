// Files and standard input that are named on the command line.
#pragma once

#include <cstddef>
#include <string>

#include "base/status.h"

namespace treadle::cli {

/// The server takes no larger body.
inline constexpr size_t kInputBytesMax = size_t{16} << 20;

/// All of the file at `path`, or of standard input for "-". INVALID_ARGUMENT, with the name: it is
/// no regular file, cannot be read, or has more than kInputBytesMax.
Result<std::string> ReadInputFile(const std::string& path);

}  // namespace treadle::cli
