#include "base/units.h"

#include <charconv>
#include <cstdio>
#include <limits>

namespace treadle {
namespace {

struct NamedUnit {
  std::string_view name;
  int64_t factor;
};

/// The number that `text` begins with; it is cut off.
std::optional<int64_t> TakeCount(std::string_view* text) {
  int64_t number = 0;
  if (text->empty() || text->front() < '0' || text->front() > '9') return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc()) return std::nullopt;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return number;
}

template <size_t N>
std::optional<int64_t> FactorOf(std::string_view name, const NamedUnit (&units)[N]) {
  for (const NamedUnit& unit : units) {
    if (unit.name == name) return unit.factor;
  }
  return std::nullopt;
}

constexpr NamedUnit kSizes[] = {{"B", 1},           {"K", 1LL << 10},   {"KiB", 1LL << 10},
                                {"M", 1LL << 20},   {"MiB", 1LL << 20}, {"G", 1LL << 30},
                                {"GiB", 1LL << 30}, {"T", 1LL << 40},   {"TiB", 1LL << 40}};

// Days from 1970-01-01 to a date of the proleptic Gregorian calendar (Howard Hinnant,
// "chrono-Compatible Low-Level Date Algorithms").
int64_t DaysFromCivil(int64_t year, int64_t month, int64_t day) {
  year -= month <= 2 ? 1 : 0;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         719'468;
}

/// The digits of `text` from `at`, all of them, as a number; -1 if one is no digit.
int64_t Field(std::string_view text, size_t at, size_t digits) {
  std::string_view field = text.substr(at, digits);
  const std::optional<int64_t> number = TakeCount(&field);
  return number && field.empty() ? *number : -1;
}

}  // namespace

std::optional<uint64_t> ParseSize(std::string_view text) {
  if (text == "0") return 0;
  const std::optional<int64_t> number = TakeCount(&text);
  const std::optional<int64_t> factor = FactorOf(text, kSizes);
  if (!number || !factor) return std::nullopt;
  const int64_t bytes = SaturatingMultiply(*number, *factor);
  if (bytes == std::numeric_limits<int64_t>::max()) return std::nullopt;
  return static_cast<uint64_t>(bytes);
}

std::string Address::ToString() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<Address> ParseAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view port_text = text.substr(colon + 1);
  const std::optional<int64_t> port = TakeCount(&port_text);
  if (!port || !port_text.empty() || *port > 65'535) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  if (brackets) host = host.substr(1, host.size() - 2);
  if (brackets != (host.find(':') != std::string_view::npos)) return std::nullopt;
  return Address{host.empty() ? "127.0.0.1" : std::string(host), static_cast<uint16_t>(*port)};
}

std::optional<WallTime> ParseWallTime(std::string_view text) {
  static constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd.dddZ";
  if (text.size() != kShape.size()) return std::nullopt;
  for (size_t i = 0; i < kShape.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == 'd' ? !digit : text[i] != kShape[i]) return std::nullopt;
  }
  const int64_t days = DaysFromCivil(Field(text, 0, 4), Field(text, 5, 2), Field(text, 8, 2));
  const int64_t seconds = Field(text, 11, 2) * 3600 + Field(text, 14, 2) * 60 + Field(text, 17, 2);
  const WallTime time{(days * 86'400 + seconds) * 1000 + Field(text, 20, 3)};
  if (FormatWallTime(time) != text) return std::nullopt;  // 30 February, 25:00
  return time;
}

std::string ExactSize(uint64_t bytes) {
  constexpr std::pair<int, std::string_view> kUnits[] = {
      {40, "TiB"}, {30, "GiB"}, {20, "MiB"}, {10, "KiB"}};
  for (const auto& [bits, unit] : kUnits) {
    if (bytes > 0 && bytes % (uint64_t{1} << bits) == 0) {
      return std::to_string(bytes >> bits).append(unit);
    }
  }
  return std::to_string(bytes) + "B";
}

std::string ExactDuration(uint64_t ms) {
  constexpr std::pair<uint64_t, std::string_view> kUnits[] = {
      {86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}};
  for (const auto& [size, unit] : kUnits) {
    if (ms > 0 && ms % size == 0) return std::to_string(ms / size).append(unit);
  }
  return std::to_string(ms) + "ms";
}

std::string DurationInWords(int64_t ms) {
  if (ms < 1000) return std::to_string(ms) + " ms";
  static constexpr NamedUnit kUnits[] = {{"d", 86'400}, {"h", 3'600}, {"min", 60}, {"s", 1}};
  int64_t seconds = ms / 1000;
  std::string out;
  for (const NamedUnit& unit : kUnits) {
    const int64_t count = seconds / unit.factor;
    seconds %= unit.factor;
    if (count > 0)
      out.append(out.empty() ? "" : " ")
          .append(std::to_string(count))
          .append(" ")
          .append(unit.name);
    if (out.find(' ') != out.rfind(' ') || (count == 0 && !out.empty())) break;
  }
  return out;
}

std::string SizeInWords(uint64_t bytes) {
  static constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto size = static_cast<double>(bytes);
  size_t unit = 0;
  for (; size >= 1024 && unit + 1 < std::size(kUnits); ++unit) size /= 1024;
  char text[32];
  const int length = std::snprintf(text, sizeof text, "%.*f ", unit == 0 ? 0 : 1, size);
  return std::string(text, static_cast<size_t>(length)).append(kUnits[unit]);
}

std::string WithCommas(int64_t number) {
  std::string digits = std::to_string(number);
  const size_t sign = number < 0 ? 1 : 0;
  for (size_t i = digits.size(); i > sign + 3;) digits.insert(i -= 3, 1, ',');
  return digits;
}

std::string Counted(int64_t count, std::string_view noun) {
  return WithCommas(count).append(" ").append(noun).append(count == 1 ? "" : "s");
}

}  // namespace treadle
