#include "api/text_in.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string>

#include "model/limits.h"
#include "model/validate.h"

namespace treadle::api {
namespace {

std::string KnownOnes(std::span<const std::string_view> names) {
  if (names.empty()) return "this resource takes none";
  std::string text = "known ones are ";
  for (size_t i = 0; i < names.size(); ++i) text.append(i == 0 ? "" : ", ").append(names[i]);
  return text;
}

// Takes exactly `digits` digits and, if it is not 0, the character `end` behind them.
std::optional<int> Take(std::string_view* text, size_t digits, char end) {
  const size_t size = digits + (end == 0 ? 0 : 1);
  if (text->size() < size || (end != 0 && (*text)[digits] != end)) return {};
  int value = 0;
  for (const char c : text->substr(0, digits)) {
    if (c < '0' || c > '9') return {};
    value = value * 10 + (c - '0');
  }
  text->remove_prefix(size);
  return value;
}

// Milliseconds of ".123456", rounded up; 0 if no fraction is there; nothing if it has no digits.
std::optional<int64_t> TakeFraction(std::string_view* text) {
  if (!text->starts_with('.')) return 0;
  text->remove_prefix(1);
  int64_t ms = 0;
  bool rest = false;
  size_t count = 0;
  for (; count < text->size() && (*text)[count] >= '0' && (*text)[count] <= '9'; ++count) {
    const int digit = (*text)[count] - '0';
    if (count < 3) ms = ms * 10 + digit;
    if (count >= 3 && digit != 0) rest = true;
  }
  if (count == 0) return {};
  for (size_t i = count; i < 3; ++i) ms *= 10;
  text->remove_prefix(count);
  return ms + (rest ? 1 : 0);
}

// Minutes east of UTC, which must end the text.
std::optional<int> TakeOffset(std::string_view* text) {
  if (*text == "Z" || *text == "z") return 0;
  if (text->empty() || (text->front() != '+' && text->front() != '-')) return {};
  const int sign = text->front() == '-' ? -1 : 1;
  text->remove_prefix(1);
  const auto hours = Take(text, 2, ':');
  const auto minutes = Take(text, 2, 0);
  if (!hours || !minutes || *hours > 23 || *minutes > 59 || !text->empty()) return {};
  return sign * (*hours * 60 + *minutes);
}

}  // namespace

Result<http::QueryParameters> ReadQuery(const http::Request& request,
                                        std::span<const std::string_view> known) {
  TREADLE_ASSIGN_OR_RETURN(http::QueryParameters query, http::ParseQuery(request.query()));
  for (const auto& [name, value] : query) {
    if (std::ranges::find(known, name) == known.end())
      return InvalidArgument("unknown query parameter \"" + name + "\"; " + KnownOnes(known));
  }
  return query;
}

Result<int64_t> ParseDuration(std::string_view name, std::string_view text, int64_t max) {
  int64_t value = -1;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit = text.substr(static_cast<size_t>(stop - text.data()));
  struct Unit {
    std::string_view name;
    int64_t ms;
  };
  constexpr Unit kUnits[] = {{"", 1}, {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}};
  const auto* const found = std::ranges::find(kUnits, unit, &Unit::name);
  if (error == std::errc() && value >= 0 && found != std::end(kUnits)) {
    const int64_t ms = SaturatingMultiply(value, found->ms);
    if (ms <= max) return ms;
  }
  return InvalidArgument(std::string(name) +
                         " must be a duration such as 30s, 500ms or 2m, at most " +
                         std::to_string(max / 1000) + "s");
}

Result<int64_t> DurationParameter(const http::QueryParameters& query, std::string_view name,
                                  int64_t max) {
  const auto found = query.find(name);
  if (found == query.end()) return 0;
  return ParseDuration(name, found->second, max);
}

Result<int64_t> NumberParameter(const http::QueryParameters& query, std::string_view name,
                                int64_t min, int64_t max, int64_t fallback) {
  const auto found = query.find(name);
  if (found == query.end()) return fallback;
  const std::string_view text = found->second;
  int64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && stop == text.data() + text.size() && number >= min && number <= max)
    return number;
  return Status(Code::kInvalidArgument, std::string(name) + " must be a whole number from " +
                                            std::to_string(min) + " to " + std::to_string(max));
}

std::optional<WallTime> ParseRfc3339(std::string_view text) {
  const auto year = Take(&text, 4, '-');
  const auto month = Take(&text, 2, '-');
  const auto day = Take(&text, 2, 0);
  if (!year || !month || !day || text.empty()) return {};
  if (std::string_view("Tt ").find(text.front()) == std::string_view::npos) return {};
  text.remove_prefix(1);
  const auto hour = Take(&text, 2, ':');
  const auto minute = Take(&text, 2, ':');
  const auto second = Take(&text, 2, 0);
  const auto fraction_ms = TakeFraction(&text);
  const auto offset = TakeOffset(&text);
  if (!hour || !minute || !second || !fraction_ms || !offset) return {};
  if (*hour > 23 || *minute > 59 || *second > 60) return {};
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return {};
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const int64_t seconds = ((days * 24 + *hour) * 60 + *minute - *offset) * 60 + *second;
  const WallTime time{seconds * 1000 + *fraction_ms};
  if (time.ms < 0 || time.ms > limits::kWallTimeMaxMs) return {};
  return time;
}

std::optional<Sha256> ParseSha256(std::string_view hex) {
  const auto raw = FromHex(hex);
  return raw ? Sha256FromRaw(*raw) : std::nullopt;
}

Status ReadPrintable(JsonValue value, size_t min, size_t max, std::string* out) {
  TREADLE_RETURN_IF_ERROR(ReadText(value, out));
  if (out->size() >= min && out->size() <= max && IsPrintableUtf8(*out)) return {};
  return value.Wrong(std::string("must be printable and have ") +
                     (min == 0 ? "at most " : "from 1 to ") + std::to_string(max) + " bytes");
}

}  // namespace treadle::api
