#include "base/terminal_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <utility>

#include "base/utf8.h"

namespace treadle {
namespace {

struct Range {
  uint32_t first;
  uint32_t last;
};

// Without width, or turning text round, by themselves.
constexpr Range kHidden[] = {
    {0xAD, 0xAD},       {0x34F, 0x34F},     {0x61C, 0x61C},   {0x115F, 0x1160}, {0x17B4, 0x17B5},
    {0x180B, 0x180F},   {0x200B, 0x200F},   {0x2028, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164},
    {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0x1BCA0, 0x1BCA3},
    {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
};

// That are over, under or behind the character before them. (Those of India: see IsMark.)
constexpr Range kMarks[] = {
    {0x300, 0x36F},   {0x483, 0x489},   {0x591, 0x5BD},   {0x5BF, 0x5BF},   {0x5C1, 0x5C2},
    {0x5C4, 0x5C5},   {0x5C7, 0x5C7},   {0x610, 0x61A},   {0x64B, 0x65F},   {0x670, 0x670},
    {0x6D6, 0x6DC},   {0x6DF, 0x6E4},   {0x6E7, 0x6E8},   {0x6EA, 0x6ED},   {0x711, 0x711},
    {0x730, 0x74A},   {0xE31, 0xE31},   {0xE34, 0xE3A},   {0xE47, 0xE4E},   {0xEB1, 0xEB1},
    {0xEB4, 0xEBC},   {0xEC8, 0xECE},   {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF},
    {0x302A, 0x302F}, {0x3099, 0x309A}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0x1F3FB, 0x1F3FF},
};

constexpr Range kEmoji[] = {
    {0xA9, 0xA9},     {0xAE, 0xAE},       {0x203C, 0x203C},   {0x2049, 0x2049},   {0x2122, 0x2122},
    {0x2139, 0x2139}, {0x2194, 0x21AA},   {0x231A, 0x23FF},   {0x24C2, 0x24C2},   {0x25AA, 0x25FE},
    {0x2600, 0x27BF}, {0x2934, 0x2935},   {0x2B05, 0x2B55},   {0x3030, 0x3030},   {0x303D, 0x303D},
    {0x3297, 0x3299}, {0x1F000, 0x1F1E5}, {0x1F200, 0x1F3FA}, {0x1F400, 0x1FAFF},
};

constexpr Range kWide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2329, 0x232A},   {0x23E9, 0x23EC},
    {0x23F0, 0x23F0},   {0x23F3, 0x23F3},   {0x25FD, 0x25FE},   {0x2614, 0x2615},
    {0x2648, 0x2653},   {0x267F, 0x267F},   {0x2693, 0x2693},   {0x26A1, 0x26A1},
    {0x26AA, 0x26AB},   {0x26BD, 0x26BE},   {0x26C4, 0x26C5},   {0x26CE, 0x26CE},
    {0x26D4, 0x26D4},   {0x26EA, 0x26EA},   {0x26F2, 0x26F3},   {0x26F5, 0x26F5},
    {0x26FA, 0x26FA},   {0x26FD, 0x26FD},   {0x2705, 0x2705},   {0x270A, 0x270B},
    {0x2728, 0x2728},   {0x274C, 0x274C},   {0x274E, 0x274E},   {0x2753, 0x2755},
    {0x2757, 0x2757},   {0x2795, 0x2797},   {0x27B0, 0x27B0},   {0x27BF, 0x27BF},
    {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},   {0x2B55, 0x2B55},   {0x2E80, 0x303E},
    {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0xA4CF},   {0xA960, 0xA97F},
    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE10, 0xFE19},   {0xFE30, 0xFE6F},
    {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x16FE0, 0x18CFF}, {0x1B000, 0x1B2FF},
    {0x1F004, 0x1F004}, {0x1F0CF, 0x1F0CF}, {0x1F18E, 0x1F18E}, {0x1F191, 0x1F19A},
    {0x1F1E6, 0x1F202}, {0x1F210, 0x1F320}, {0x1F32D, 0x1F64F}, {0x1F680, 0x1F6FF},
    {0x1F7E0, 0x1F7EB}, {0x1F900, 0x1FAFF}, {0x20000, 0x3FFFD},
};

constexpr uint32_t kZeroWidthNonJoiner = 0x200C;
constexpr uint32_t kZeroWidthJoiner = 0x200D;
constexpr uint32_t kKeycap = 0x20E3;

template <size_t N>
bool IsIn(uint32_t c, const Range (&ranges)[N]) {
  const Range* const range = std::ranges::lower_bound(ranges, c, {}, &Range::last);
  return range != std::end(ranges) && range->first <= c;
}

bool IsEmoji(uint32_t c) { return IsIn(c, kEmoji); }
bool IsSelector(uint32_t c) { return c >= 0xFE00 && c <= 0xFE0F; }
bool IsRegional(uint32_t c) { return c >= 0x1F1E6 && c <= 0x1F1FF; }
bool IsSkinTone(uint32_t c) { return c >= 0x1F3FB && c <= 0x1F3FF; }

// The scripts of India have their signs at the same places of blocks of 128.
bool IsMark(uint32_t c) {
  if (IsIn(c, kMarks)) return true;
  if (c < 0x900 || c >= 0xE00) return false;
  const uint32_t place = c & 0x7F;
  return place <= 3 || (place >= 0x3C && place <= 0x4F && place != 0x3D) ||
         (place >= 0x51 && place <= 0x57) || place == 0x62 || place == 0x63;
}

// Arabic, Syriac and those of India: joiners choose between forms of their letters.
bool JoinsLetters(uint32_t c) { return c >= 0x620 && c < 0xE00; }

struct Character {
  uint32_t code = 0;   // of a broken one: its byte
  size_t size = 0;     // in bytes; 0: there is none
  bool valid = false;  // UTF-8
};

Character FirstOf(std::string_view text) {
  if (text.empty()) return {};
  const size_t size = Utf8Length(text);
  const auto lead = static_cast<uint8_t>(text[0]);
  if (size == 0) return {.code = lead, .size = 1};
  uint32_t code = size == 1 ? lead : lead & (0x7Fu >> size);
  for (size_t i = 1; i < size; ++i) code = code << 6 | (static_cast<uint8_t>(text[i]) & 0x3F);
  return {.code = code, .size = size, .valid = true};
}

bool IsControl(uint32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); }

// Whether something without a width may be between these two.
bool BelongsBetween(uint32_t before, uint32_t hidden, uint32_t after) {
  const bool behind_emoji = IsEmoji(before) || IsSkinTone(before) || IsSelector(before);
  if (IsSelector(hidden)) return IsEmoji(before) || after == kKeycap;
  if (hidden == kZeroWidthJoiner && behind_emoji && IsEmoji(after)) return true;
  const bool is_joiner = hidden == kZeroWidthJoiner || hidden == kZeroWidthNonJoiner;
  return is_joiner && JoinsLetters(before) && JoinsLetters(after);
}

template <class... Numbers>
void AppendFormatted(std::string* out, const char* format, Numbers... numbers) {
  std::array<char, 16> digits{};
  const int size = std::snprintf(digits.data(), digits.size(), format, numbers...);
  out->append(digits.data(), static_cast<size_t>(size));
}

void AppendBytes(std::string_view bytes, std::string* out) {
  for (const char c : bytes)
    AppendFormatted(out, "\\x%02x", static_cast<unsigned>(static_cast<uint8_t>(c)));
}

void AppendEscaped(const Character& c, std::string_view bytes, std::string* out) {
  if (!c.valid || IsControl(c.code)) {
    AppendBytes(bytes, out);
  } else {
    AppendFormatted(out, c.code <= 0xFFFF ? "\\u%04x" : "\\U%08x", static_cast<unsigned>(c.code));
  }
}

void AppendEscapedInJson(const Character& c, std::string_view bytes, std::string* out) {
  if (!c.valid) return AppendBytes(bytes, out);  // is no JSON
  if (c.code <= 0xFFFF) return AppendFormatted(out, "\\u%04x", static_cast<unsigned>(c.code));
  const uint32_t rest = c.code - 0x10000;
  AppendFormatted(out, "\\u%04x", static_cast<unsigned>(0xD800 + (rest >> 10)));
  AppendFormatted(out, "\\u%04x", static_cast<unsigned>(0xDC00 + (rest & 0x3FF)));
}

// `keeps` says which control characters stay.
template <class Keeps, class Append>
std::string Escaped(std::string_view text, Keeps keeps, Append append) {
  std::string out;
  out.reserve(text.size());
  uint32_t before = 0;
  while (!text.empty()) {
    const Character c = FirstOf(text);
    const std::string_view bytes = text.substr(0, c.size);
    text.remove_prefix(c.size);
    const bool is_hidden =
        c.valid && IsIn(c.code, kHidden) && !BelongsBetween(before, c.code, FirstOf(text).code);
    if (!c.valid || is_hidden || (IsControl(c.code) && !keeps(c.code, text))) {
      append(c, bytes, &out);
    } else if (c.code != '\r') {
      out += bytes;
    }
    before = c.valid ? c.code : 0;
  }
  return out;
}

bool KeepsNothing(uint32_t, std::string_view) { return false; }
bool KeepsLines(uint32_t c, std::string_view rest) {
  return c == '\n' || c == '\t' || (c == '\r' && rest.starts_with('\n'));
}

struct Cluster {
  size_t size = 0;  // in bytes
  size_t columns = 0;
};

// What people see as one character; `text` is not empty. (Unicode Standard Annex 29, less what
// terminals do not know either.)
Cluster FirstCluster(std::string_view text) {
  Character last = FirstOf(text);
  const bool is_wide = last.valid && IsIn(last.code, kWide);
  Cluster cluster{.size = last.size, .columns = is_wide ? size_t{2} : size_t{1}};
  bool is_flag = IsRegional(last.code);
  while (last.valid) {
    const Character next = FirstOf(text.substr(cluster.size));
    const bool completes_flag = is_flag && IsRegional(next.code);
    const bool is_joined = last.code == kZeroWidthJoiner && IsEmoji(next.code);
    const bool extends = next.size > 0 && next.valid &&
                         (IsMark(next.code) || next.code == kZeroWidthJoiner ||
                          next.code == kZeroWidthNonJoiner || is_joined || completes_flag);
    if (!extends) break;
    is_flag = false;
    if (next.code == 0xFE0F) cluster.columns = 2;
    cluster.size += next.size;
    last = next;
  }
  return cluster;
}

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r\v\f") == std::string_view::npos;
}

// Of stack traces of JavaScript, Java, Ruby, and what Node.js and Rust print behind theirs.
bool IsFrame(std::string_view line) {
  const size_t indent = std::min(line.find_first_not_of(" \t"), line.size());
  const std::string_view words = line.substr(indent);
  if (indent > 0 && (words.starts_with("at ") || words.starts_with("from "))) return true;
  return line.starts_with("Node.js v") || line.starts_with("note: ");
}

}  // namespace

std::string Printable(std::string_view text) { return Escaped(text, KeepsNothing, AppendEscaped); }

std::string PrintableLines(std::string_view text) {
  return Escaped(text, KeepsLines, AppendEscaped);
}

std::string PrintableJson(std::string_view json) {
  return Escaped(json, KeepsLines, AppendEscapedInJson);
}

std::string TerminalStream::Feed(std::string_view bytes) {
  std::string text = std::exchange(held_, {});
  text += bytes;
  size_t end = text.size();
  for (size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<uint8_t>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    const size_t size = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    if (size > back || byte == '\r') end = text.size() - back;
    break;
  }
  held_ = text.substr(end);
  text.resize(end);
  return PrintableLines(text);
}

std::string TerminalStream::End() { return PrintableLines(std::exchange(held_, {})); }

size_t WidthInColumns(std::string_view text) {
  size_t columns = 0;
  while (!text.empty()) {
    const Cluster cluster = FirstCluster(text);
    columns += cluster.columns;
    text.remove_prefix(cluster.size);
  }
  return columns;
}

std::string Shortened(std::string_view text, size_t columns) {
  size_t used = 0;
  size_t end = 0;       // of what fits
  size_t end_less = 0;  // of what fits beside "…"
  while (end < text.size()) {
    const Cluster cluster = FirstCluster(text.substr(end));
    if (used + cluster.columns > columns) return std::string(text.substr(0, end_less)) + "…";
    used += cluster.columns;
    end += cluster.size;
    if (used < columns) end_less = end;
  }
  return std::string(text);
}

std::string_view TellingLine(std::string_view message) {
  std::string_view last;  // that is not empty
  std::string_view rest = message;
  while (!rest.empty()) {
    const size_t begin = rest.rfind('\n') + 1;  // npos + 1 is 0
    std::string_view line = rest.substr(begin);
    rest = rest.substr(0, begin == 0 ? 0 : begin - 1);
    if (IsBlank(line)) continue;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!IsFrame(line)) return line;
    if (last.empty()) last = line;
  }
  return last.empty() ? message : last;
}

}  // namespace treadle
