#include "model/search_text.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include "base/utf8.h"

namespace treadle {
namespace {

bool IsAsciiWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// How much of a word `text`, which is not empty, begins with: a character, or 0.
size_t WordBytesAt(std::string_view text) {
  if (static_cast<uint8_t>(text[0]) < 0x80) return IsAsciiWordByte(text[0]) ? 1 : 0;
  const size_t size = Utf8SequenceAt(text).size;
  const std::string_view character = text.substr(0, size);
  const bool parts = (character >= "\xc2\x80" && character <= "\xc2\xbf") ||          // U+0080–00BF
                     (character >= "\xe2\x80\x80" && character <= "\xe2\x81\xaf") ||  // U+2000–206F
                     (character >= "\xe3\x80\x80" && character <= "\xe3\x80\xbf");    // U+3000–303F
  return parts ? 0 : size;
}

bool IsJson(std::string_view content_type) {
  return content_type.empty() || content_type == "application/json" ||
         content_type.ends_with("+json");
}

std::string_view WithoutParameters(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.ends_with(' ')) content_type.remove_suffix(1);
  return content_type;
}

// The code unit of "\uXXXX", which `text` may begin with.
std::optional<uint32_t> TakeUnit(std::string_view* text) {
  uint32_t unit = 0;
  if (text->size() < 6 || !text->starts_with("\\u")) return std::nullopt;
  const char* const end = text->data() + 6;
  const auto [stop, error] = std::from_chars(text->data() + 2, end, unit, 16);
  if (error != std::errc() || stop != end) return std::nullopt;
  text->remove_prefix(6);
  return unit;
}

// Writes what the escape that `text` begins with stands for. What parts words anyway, and half a
// surrogate pair, is a space.
void TakeEscape(std::string_view* text, std::string* out) {
  const std::optional<uint32_t> unit = TakeUnit(text);
  if (!unit) {
    out->push_back(' ');
    return text->remove_prefix(std::min<size_t>(2, text->size()));
  }
  const bool is_high = *unit >= 0xd800 && *unit < 0xdc00;
  const std::optional<uint32_t> low = is_high ? TakeUnit(text) : std::nullopt;
  if (low && *low >= 0xdc00 && *low < 0xe000)
    return AppendUtf8(0x10000 + ((*unit - 0xd800) << 10) + (*low - 0xdc00), out);
  const bool is_half = *unit >= 0xd800 && *unit < 0xe000;
  AppendUtf8(is_half ? ' ' : *unit, out);
}

}  // namespace

std::vector<std::string> WordsOf(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  while (!text.empty()) {
    const size_t size = WordBytesAt(text);
    if (size > 0 && !in_word) words.emplace_back();
    in_word = size > 0;
    for (const char c : text.substr(0, size)) words.back() += Lower(c);
    text.remove_prefix(in_word ? size : Utf8SequenceAt(text).size);
  }
  return words;
}

std::string PayloadText(std::string_view content_type, std::string_view payload) {
  content_type = WithoutParameters(content_type);
  std::string_view left = payload.substr(0, kSearchedPayloadBytes);
  if (!IsJson(content_type)) return content_type.starts_with("text/") ? std::string(left) : "";
  std::string text;
  text.reserve(left.size());
  while (!left.empty()) {
    const size_t plain = std::min(left.find('\\'), left.size());
    text.append(left.substr(0, plain));
    left.remove_prefix(plain);
    if (!left.empty()) TakeEscape(&left, &text);
  }
  return text;
}

}  // namespace treadle
