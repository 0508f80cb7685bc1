// A retry policy in words: how long a task is tried before it is dead. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>

namespace treadle::cli {

/// The sum of the longest waits between `attempts` attempts, each wait base × 2ⁿ and at most the
/// cap. With full jitter the mean is half of it. Saturates.
int64_t RetryHorizonMs(int64_t base_ms, int64_t cap_ms, int attempts);

/// "waits 500 ms, doubled after each failure, at most 1 min, with full jitter; 20 attempts (the
/// default) take about 6 min 31 s of waiting, at most 13 min 3 s"
std::string RetryInWords(int64_t base_ms, int64_t cap_ms);

}  // namespace treadle::cli
