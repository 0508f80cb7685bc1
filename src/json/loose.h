// Parts of a JSON document of which other parts are wrong. What is found here was not checked: it
// is to be read by ParseJson(). Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace treadle {

/// The values, unchanged, of the array `name` of the object `json`; none if it has no
/// such field. INVALID_ARGUMENT: they cannot be separated, or are more than `max`.
Result<std::vector<std::string>> RawItems(std::string_view json, std::string_view name, size_t max);

/// The text of the field `name` of the object `json`; nothing if it has no such text.
std::optional<std::string> FindText(std::string_view json, std::string_view name);

}  // namespace treadle
