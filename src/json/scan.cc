#include "json/scan.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace treadle {
namespace {

size_t Digits(std::string_view text, size_t from) {
  size_t end = from;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  return end - from;
}

// Of "+07" or "-3"; one that no number here can have is as good as another.
int64_t ExponentOf(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  int64_t exponent = 0;
  for (const char c : text)
    if (c >= '0' && c <= '9') exponent = std::min<int64_t>(exponent * 10 + (c - '0'), 1 << 30);
  return is_negative ? -exponent : exponent;
}

}  // namespace

bool IsJsonNumber(std::string_view text) {
  size_t at = text.starts_with('-') ? 1 : 0;
  const size_t whole = Digits(text, at);
  if (whole == 0 || (whole > 1 && text[at] == '0')) return false;
  at += whole;
  if (at < text.size() && text[at] == '.') {
    const size_t fraction = Digits(text, at + 1);
    if (fraction == 0) return false;
    at += 1 + fraction;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const size_t exponent = Digits(text, at);
    if (exponent == 0) return false;
    at += exponent;
  }
  return at == text.size();
}

std::optional<int64_t> WholeJsonNumber(std::string_view number) {
  int64_t value = 0;
  const char* const end = number.data() + number.size();
  const auto [stop, error] = std::from_chars(number.data(), end, value);
  if (stop == end) return error == std::errc() ? std::optional(value) : std::nullopt;
  const bool is_negative = number.starts_with('-');
  const size_t e = std::min(number.find_first_of("eE"), number.size());
  const std::string_view mantissa = number.substr(is_negative ? 1 : 0, e - (is_negative ? 1 : 0));
  const size_t dot = std::min(mantissa.find('.'), mantissa.size());
  std::string digits(mantissa.substr(0, dot));
  if (dot < mantissa.size()) digits.append(mantissa.substr(dot + 1));
  int64_t zeros = e < number.size() ? ExponentOf(number.substr(e + 1)) : 0;
  zeros -= static_cast<int64_t>(digits.size() - dot);
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty()) return 0;
  for (; zeros < 0; ++zeros) {  // ends at the first digit that is none
    if (digits.back() != '0') return std::nullopt;
    digits.pop_back();
  }
  if (digits.size() + static_cast<size_t>(zeros) > 19) return std::nullopt;
  digits.append(static_cast<size_t>(zeros), '0');
  if (is_negative) digits.insert(0, 1, '-');
  const auto [last, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return wrong == std::errc() ? std::optional(value) : std::nullopt;
}

const char* BehindJson(std::string_view text) {
  std::string open;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      open.push_back(c == '{' ? '}' : ']');
    } else if (c == '}' || c == ']') {
      if (open.empty() || open.back() != c) return nullptr;
      open.pop_back();
    }
    if (!open.empty() || IsJsonSpace(c)) continue;
    if (c != '}' && c != ']') return nullptr;  // not an object or an array
    const size_t rest = text.find_first_not_of(" \n\r\t", i + 1);
    return rest == std::string_view::npos ? nullptr : text.data() + rest;
  }
  return nullptr;
}

}  // namespace treadle
