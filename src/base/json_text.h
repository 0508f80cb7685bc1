// Text as a JSON string literal (RFC 8259 section 7). Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace treadle {

/// Appends `text` to `out` in quotes, escaped. What is not valid UTF-8 becomes U+FFFD, one for each
/// maximal broken part, so that the result is always valid JSON.
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace treadle
