// Which known word somebody may have meant. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace treadle {

/// The one of `candidates` that is closest to `word` by edit distance; empty if none is close.
std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace treadle
