// UTF-8 (RFC 3629), strictly: no overlong forms, no surrogates, nothing above U+10FFFF. Pure; any
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace treadle::cli {

/// Bytes of the character that `text` begins with; 0 if it begins with none.
size_t Utf8Length(std::string_view text);

bool IsUtf8(std::string_view text);

/// Number of characters; a byte that belongs to none counts as one.
size_t CountCharacters(std::string_view text);

/// Appends `code_point`, which must be a Unicode scalar value.
void AppendUtf8(uint32_t code_point, std::string* out);

}  // namespace treadle::cli
