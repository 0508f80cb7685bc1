// A retry policy in words: how long a task is tried before it is dead. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "json/tree.h"

namespace treadle::cli {

/// The sum of the longest waits between the attempts of a retry policy, an answer of the server.
/// With full jitter the mean is half of it. Saturates.
int64_t RetryHorizonMs(const JsonNode& retry);

/// "waits 500 ms, doubled after each failure, at most 1 min, with full jitter; 20 attempts take
/// about 6 min 31 s of waiting, at most 13 min 3 s"
std::string RetryInWords(const JsonNode& retry);

}  // namespace treadle::cli
