#include "cli/retry_horizon.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/time.h"
#include "cli/units.h"

namespace treadle::cli {

int64_t RetryHorizonMs(int64_t base_ms, int64_t cap_ms, int attempts) {
  int64_t total = 0;
  int64_t wait = base_ms;
  for (int failure = 1; failure < attempts; ++failure) {
    total = SaturatingAdd(total, std::min(wait, cap_ms));
    wait = SaturatingMultiply(wait, 2);
  }
  return total;
}

std::string RetryInWords(int64_t base_ms, int64_t cap_ms) {
  static constexpr int kDefaultAttempts = 20;
  const int64_t horizon = RetryHorizonMs(base_ms, cap_ms, kDefaultAttempts);
  return fmt::format(
      "waits {}, doubled after each failure, at most {}, with full jitter; {} attempts (the "
      "default) "
      "take about {} of waiting, at most {}",
      DurationInWords(base_ms), DurationInWords(cap_ms), kDefaultAttempts,
      DurationInWords(horizon / 2), DurationInWords(horizon));
}

}  // namespace treadle::cli
