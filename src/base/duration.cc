#include "base/duration.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "base/duration_hint.h"
#include "base/time.h"

namespace treadle {
namespace {

constexpr std::string_view kDigits = "0123456789";

/// The number that `text` begins with; it is cut off.
std::optional<int64_t> TakeNumber(std::string_view* text) {
  int64_t number = 0;
  if (text->empty() || kDigits.find(text->front()) == kDigits.npos) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc()) return std::nullopt;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return number;
}

std::optional<int64_t> FactorOf(std::string_view unit) {
  static constexpr std::pair<std::string_view, int64_t> kUnits[] = {
      {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  for (const auto& [name, factor] : kUnits) {
    if (name == unit) return factor;
  }
  return std::nullopt;
}

}  // namespace

std::optional<int64_t> ParseDuration(std::string_view text) {
  int64_t total = 0;
  do {
    const std::optional<int64_t> number = TakeNumber(&text);
    if (!number) return std::nullopt;
    const size_t letters = std::min(text.find_first_of(kDigits), text.size());
    const std::optional<int64_t> factor = FactorOf(text.substr(0, letters));
    if (!factor) return std::nullopt;
    total = SaturatingAdd(total, SaturatingMultiply(*number, *factor));
    text.remove_prefix(letters);
  } while (!text.empty());
  if (total == std::numeric_limits<int64_t>::max()) return std::nullopt;
  return total;
}

std::string WhyNoDuration(std::string_view text) {
  const std::string quoted = "\"" + std::string(text) + "\"";
  const bool is_plain = !text.empty() && text.find_first_not_of(kDigits) == text.npos;
  if (is_plain) return quoted + " has no unit; did you mean " + std::string(text) + "s?";
  return quoted + " is not a duration; write for example 500ms, 30s or 2m";
}

}  // namespace treadle
