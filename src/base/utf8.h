// UTF-8 (RFC 3629), strictly: no overlong forms, no surrogates, nothing above U+10FFFF. Pure; any
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace treadle {

struct Utf8Sequence {
  size_t size;  // in bytes
  bool valid;   // a character; else the maximal broken part (Unicode 15, section 3.9, table 3-8)
};

/// What `text` begins with, which must not be empty.
Utf8Sequence Utf8SequenceAt(std::string_view text);

/// Bytes of the character that `text` begins with; 0 if it begins with none.
size_t Utf8Length(std::string_view text);

bool IsUtf8(std::string_view text);

/// Number of characters; a byte that belongs to none counts as one.
size_t CountCharacters(std::string_view text);

/// The first `size` bytes, less the rest of a character that is cut.
std::string_view Utf8Head(std::string_view text, size_t size);
/// The last `size` bytes, from the first whole character on.
std::string_view Utf8Tail(std::string_view text, size_t size);

/// Appends `code_point`, which must be a Unicode scalar value.
void AppendUtf8(uint32_t code_point, std::string* out);

}  // namespace treadle
