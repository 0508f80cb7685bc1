#include "json/text.h"

#include <algorithm>

#include "base/utf8.h"

namespace treadle {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

constexpr bool IsPlain(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
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

bool NeedsNoEscape(std::string_view text) { return std::ranges::all_of(text, IsPlain); }

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  size_t copied = 0;
  for (size_t i = 0; i < text.size();) {
    if (IsPlain(text[i])) {
      ++i;
      continue;
    }
    const Utf8Sequence sequence = Utf8SequenceAt(text.substr(i));
    if (!sequence.valid || sequence.size == 1) {
      out->append(text.substr(copied, i - copied));
      sequence.valid ? AppendEscape(text[i], out) : void(out->append(kReplacement));
      copied = i + sequence.size;
    }
    i += sequence.size;
  }
  out->append(text.substr(copied)).push_back('"');
}

}  // namespace treadle
