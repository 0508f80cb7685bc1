#include "base/traceparent.h"

#include <algorithm>
#include <string>

#include "base/hash.h"

namespace treadle {
namespace {

constexpr std::string_view kVersion = "00-";
// Where each part of the text begins, and where its bytes do.
struct Part {
  size_t text;
  size_t byte;
  size_t bytes;
};
constexpr Part kParts[] = {{3, 0, Traceparent::kTraceIdBytes},
                           {36, Traceparent::kTraceIdBytes, Traceparent::kParentIdBytes},
                           {53, Traceparent::kBytes - 1, 1}};

bool IsLowerHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool IsZero(std::string_view bytes) {
  return std::ranges::all_of(bytes, [](char c) { return c == 0; });
}

}  // namespace

FixedText<kTraceparentText> Traceparent::Text() const {
  std::array<char, 2 * kBytes> hex;
  WriteHex(view(), hex.data());
  FixedText<kTraceparentText> text;
  for (const char c : kVersion) text.Add(c);
  for (const Part& part : kParts) {
    if (part.byte > 0) text.Add('-');
    for (size_t i = 0; i < 2 * part.bytes; ++i) text.Add(hex[2 * part.byte + i]);
  }
  return text;
}

Traceparent TraceparentFromRaw(std::string_view raw) {
  Traceparent traceparent;
  if (raw.size() == traceparent.bytes.size()) std::ranges::copy(raw, traceparent.bytes.begin());
  return traceparent;
}

std::optional<Traceparent> ParseTraceparent(std::string_view text) {
  if (text.size() != kTraceparentText || !text.starts_with(kVersion)) return std::nullopt;
  Traceparent traceparent;
  for (const Part& part : kParts) {
    if (text[part.text - 1] != '-') return std::nullopt;
    const std::string_view hex = text.substr(part.text, 2 * part.bytes);
    if (!std::ranges::all_of(hex, IsLowerHex)) return std::nullopt;
    const auto bytes = FromHex(hex);
    if (part.bytes > 1 && IsZero(*bytes)) return std::nullopt;
    std::ranges::copy(*bytes, traceparent.bytes.begin() + static_cast<ptrdiff_t>(part.byte));
  }
  return traceparent;
}

Traceparent TraceparentFromHeader(std::string_view value) {
  if (value.size() < kTraceparentText) return {};
  const std::string_view version = value.substr(0, 2);
  if (version == "00") return ParseTraceparent(value).value_or(Traceparent{});
  const bool ends = value.size() == kTraceparentText || value[kTraceparentText] == '-';
  if (version == "ff" || !std::ranges::all_of(version, IsLowerHex) || !ends) return {};
  const std::string known = "00" + std::string(value.substr(2, kTraceparentText - 2));
  return ParseTraceparent(known).value_or(Traceparent{});
}

}  // namespace treadle
