#include "client/json_writer.h"

namespace treadle::wire {
namespace {

bool IsPlain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

// The length of the valid UTF-8 sequence that `text` begins with, or 0 (Unicode 15, table 3-7).
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0};
  };
  const uint8_t lead = byte(0);
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  const uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return size;
}

void AppendEscape(char c, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out->append("\\\"");
      return;
    case '\\':
      out->append("\\\\");
      return;
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
      out->append("\\u00").append(1, kHex[c >> 4]).append(1, kHex[c & 15]);
  }
}

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  while (!text.empty()) {
    size_t size = 0;
    while (size < text.size() && IsPlain(text[size])) ++size;
    if (size == 0 && static_cast<uint8_t>(text.front()) >= 0x80) size = Utf8Length(text);
    out->append(text.substr(0, size));
    if (size == 0) {
      if (static_cast<uint8_t>(text.front()) >= 0x80) {
        out->append("\xef\xbf\xbd");
      } else {
        AppendEscape(text.front(), out);
      }
      size = 1;
    }
    text.remove_prefix(size);
  }
  out->push_back('"');
}

}  // namespace treadle::wire
