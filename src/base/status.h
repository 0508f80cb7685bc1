// Status and Result<T>, as the SDK shows them (include/treadle/status.h), for the rooms of src/.
#pragma once

#include <string>
#include <utility>

#include "base/check.h"
#include "treadle/status.h"

namespace treadle {

/// What most checks refuse with.
inline Status InvalidArgument(std::string message) {
  return {Code::kInvalidArgument, std::move(message)};
}

}  // namespace treadle
