// Text as a JSON string literal (RFC 8259 section 7). Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace treadle::http {

/// Appends `text` to `out` in quotes, escaped. What is not valid UTF-8 becomes U+FFFD, one for each
/// maximal broken sequence (Unicode 15, section 3.9, table 3-8), so that the result is always valid
/// JSON.
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace treadle::http
