// The hint for a text that ParseDuration() refuses. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace treadle {

/// `"30" has no unit; did you mean 30s?`, or that it is no duration and how one is written.
std::string WhyNoDuration(std::string_view text);

}  // namespace treadle
