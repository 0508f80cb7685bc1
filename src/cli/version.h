// Which Treadle this is.
#pragma once

#include <string>

namespace treadle::cli {

/// "treadle 0.4.0".
std::string VersionLine();

}  // namespace treadle::cli
