// The table of settings as a TOML file, every default as a comment. Pure; any thread.
#pragma once

#include <string>

namespace treadle::config {

std::string ConfigToml();

}  // namespace treadle::config
