#include "cli/retry_horizon.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/time.h"
#include "base/units.h"

namespace treadle::cli {
namespace {

std::vector<int64_t> DelaysOf(const JsonNode& retry) {
  std::vector<int64_t> delays;
  const JsonNode* list = retry.Find("delays_ms");
  if (list == nullptr) return delays;
  for (const JsonNode& item : list->items) {
    int64_t ms = 0;
    std::from_chars(item.raw.data(), item.raw.data() + item.raw.size(), ms);
    delays.push_back(ms);
  }
  return delays;
}

// The longest wait after failure number `failure`, from 1.
int64_t WaitMs(const JsonNode& retry, int64_t failure) {
  const std::string backoff = retry.Text("backoff");
  const int64_t base = retry.Integer("backoff_base_ms");
  const int64_t cap = retry.Integer("backoff_cap_ms");
  if (backoff == "fixed") return base;
  if (backoff == "linear") return std::min(SaturatingMultiply(base, failure), cap);
  if (backoff == "listed") {
    const std::vector<int64_t> delays = DelaysOf(retry);
    if (delays.empty()) return base;
    return delays[std::min(static_cast<size_t>(failure), delays.size()) - 1];
  }
  const int64_t doublings = std::min<int64_t>(failure - 1, 62);
  return std::min(SaturatingMultiply(base, int64_t{1} << doublings), cap);
}

std::string WaitsInWords(const JsonNode& retry) {
  const std::string backoff = retry.Text("backoff");
  const std::string base = DurationInWords(retry.Integer("backoff_base_ms"));
  const std::string cap = DurationInWords(retry.Integer("backoff_cap_ms"));
  if (backoff == "fixed") return "waits " + base + " after each failure";
  if (backoff == "linear")
    return fmt::format("waits {}, plus the same after each further failure, at most {}", base, cap);
  if (backoff != "listed")
    return fmt::format("waits {}, doubling after each failure, at most {}", base, cap);
  std::vector<std::string> delays;
  for (const int64_t ms : DelaysOf(retry)) delays.push_back(DurationInWords(ms));
  return fmt::format("waits {}", fmt::join(delays, ", then "));
}

std::string CodesInWords(const JsonNode& retry, std::string_view name, std::string_view said) {
  const JsonNode* codes = retry.Find(name);
  if (codes == nullptr || codes->items.empty()) return "";
  std::vector<std::string> texts;
  for (const JsonNode& code : codes->items) texts.push_back(code.text);
  return fmt::format("; {} after {}", said, fmt::join(texts, ", "));
}

}  // namespace

int64_t RetryHorizonMs(const JsonNode& retry) {
  int64_t total = 0;
  for (int64_t failure = 1; failure < retry.Integer("max_attempts"); ++failure)
    total = SaturatingAdd(total, WaitMs(retry, failure));
  return total;
}

std::string RetryInWords(const JsonNode& retry) {
  const std::string jitter = retry.Text("jitter");
  const int64_t most = RetryHorizonMs(retry);
  const int64_t mean = jitter == "full" ? most / 2 : jitter == "equal" ? most / 4 * 3 : most;
  std::string words =
      fmt::format("{}, {}; {} attempts wait about {} in total, at most {}", WaitsInWords(retry),
                  jitter == "none" ? "without jitter" : "with " + jitter + " jitter",
                  retry.Integer("max_attempts"), DurationInWords(mean), DurationInWords(most));
  if (const int64_t total = retry.Integer("total_ms"); total > 0)
    words += fmt::format("; no attempt begins more than {} after the first failure",
                         DurationInWords(total));
  return words + CodesInWords(retry, "never", "no retry") +
         CodesInWords(retry, "always", "always retries");
}

}  // namespace treadle::cli
