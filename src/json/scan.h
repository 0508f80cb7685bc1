// What a reader of JSON looks up in the text itself, beside simdjson. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace treadle {

constexpr bool IsJsonSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// RFC 8259, section 6.
bool IsJsonNumber(std::string_view text);

/// The value of a number, exactly, if it is a whole one that fits: of 160, 160.0 and 1.6e2.
std::optional<int64_t> WholeJsonNumber(std::string_view number);

/// The first byte behind the object or array with which `text` begins, white space left out. Null
/// if nothing is there, or if the value has no end, or its brackets do not match.
const char* BehindJson(std::string_view text);

}  // namespace treadle
