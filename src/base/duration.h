// Durations as people write them. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace treadle {

/// Milliseconds of "500ms", "30s", "2m", "1h", "7d", or of sums such as "1h30m". Nothing for
/// anything else: numbers without a unit, negative ones and overflow included.
std::optional<int64_t> ParseDuration(std::string_view text);

}  // namespace treadle
