// Regular expressions of schemas: ECMA 262's, as far as RE2 has them. Inside contract/ only.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <string_view>

#include "base/status.h"

namespace treadle {

/// INVALID_ARGUMENT is the end of a sentence whose beginning is the pattern's place: "must be …".
Result<std::unique_ptr<const re2::RE2>> CompilePattern(std::string_view text);

}  // namespace treadle
