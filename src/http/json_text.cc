#include "http/json_text.h"

#include <cstdint>

namespace treadle::http {
namespace {

struct Sequence {
  size_t size;  // bytes of the sequence, or of the broken part that one U+FFFD stands for
  bool valid;
};

// The bounds of the second byte keep out overlong forms, surrogates and what lies beyond U+10FFFF
// (Unicode 15, table 3-7).
Sequence Utf8SequenceAt(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0xc2 || lead > 0xf4) return {1, false};
  const size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  for (size_t i = 1; i < size; ++i, low = 0x80, high = 0xbf) {
    if (i >= text.size() || byte(i) < low || byte(i) > high) return {i, false};
  }
  return {size, true};
}

void AppendControl(char c, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '\n':
      out->append("\\n");
      return;
    case '\r':
      out->append("\\r");
      return;
    case '\t':
      out->append("\\t");
      return;
    default:
      break;
  }
  out->append("\\u00");
  out->push_back(kHex[c >> 4]);
  out->push_back(kHex[c & 15]);
}

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  while (!text.empty()) {
    const char c = text.front();
    size_t size = 1;
    if (static_cast<uint8_t>(c) >= 0x80) {
      const Sequence sequence = Utf8SequenceAt(text);
      size = sequence.size;
      out->append(sequence.valid ? text.substr(0, size) : "\xef\xbf\xbd");
    } else if (c < 0x20) {
      AppendControl(c, out);
    } else {
      if (c == '"' || c == '\\') out->push_back('\\');
      out->push_back(c);
    }
    text.remove_prefix(size);
  }
  out->push_back('"');
}

}  // namespace treadle::http
