// Numbers that must lie in a range, checked by a table.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "base/status.h"

namespace treadle {

inline constexpr int64_t kTenYearsMs = int64_t{10} * 365 * 24 * 3600 * 1000;

struct Range {
  std::string field;
  int64_t value;
  int64_t min;
  int64_t max;
};

/// INVALID_ARGUMENT "<field> must be from <min> to <max>" for the first that does not hold.
inline Status CheckRanges(std::initializer_list<Range> ranges) {
  for (const Range& r : ranges)
    if (r.value < r.min || r.value > r.max)
      return {Code::kInvalidArgument,
              r.field + " must be from " + std::to_string(r.min) + " to " + std::to_string(r.max)};
  return {};
}

}  // namespace treadle
