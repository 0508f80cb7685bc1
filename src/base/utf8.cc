#include "base/utf8.h"

#include <algorithm>

namespace treadle {
namespace {

bool IsWithinCharacter(char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; }

}  // namespace

// The bounds of the second byte keep out overlong forms, surrogates and what lies beyond U+10FFFF
// (Unicode 15, table 3-7).
Utf8Sequence Utf8SequenceAt(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {1, true};
  if (lead < 0xc2 || lead > 0xf4) return {1, false};
  const size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  for (size_t i = 1; i < size; ++i, low = 0x80, high = 0xbf) {
    if (i >= text.size() || byte(i) < low || byte(i) > high) return {i, false};
  }
  return {size, true};
}

size_t Utf8Length(std::string_view text) {
  if (text.empty()) return 0;
  const Utf8Sequence sequence = Utf8SequenceAt(text);
  return sequence.valid ? sequence.size : 0;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

size_t CountCharacters(std::string_view text) {
  size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(std::max<size_t>(Utf8Length(text), 1));
  return count;
}

std::string_view Utf8Head(std::string_view text, size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && IsWithinCharacter(text[size])) --size;
  return text.substr(0, size);
}

std::string_view Utf8Tail(std::string_view text, size_t size) {
  if (text.size() > size) text.remove_prefix(text.size() - size);
  while (!text.empty() && IsWithinCharacter(text.front())) text.remove_prefix(1);
  return text;
}

void AppendUtf8(uint32_t code_point, std::string* out) {
  const auto tail = [&](unsigned shift) {
    out->push_back(static_cast<char>(0x80 | ((code_point >> shift) & 0x3F)));
  };
  if (code_point < 0x80) {
    out->push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    out->push_back(static_cast<char>(0xC0 | code_point >> 6));
    tail(0);
  } else if (code_point < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | code_point >> 12));
    tail(6), tail(0);
  } else {
    out->push_back(static_cast<char>(0xF0 | code_point >> 18));
    tail(12), tail(6), tail(0);
  }
}

}  // namespace treadle
