// Small texts of requests: query parameters, durations, times, digests. Pure; any thread.
// Every failure is INVALID_ARGUMENT and names what was read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/status.h"
#include "base/time.h"
#include "http/message.h"
#include "json/reader.h"

namespace treadle::api {

/// The query of `request`, which may hold the parameters `known` and no others.
Result<http::QueryParameters> ReadQuery(const http::Request& request,
                                        std::span<const std::string_view> known);

/// Milliseconds of "30s", "500ms", "2m", "1h", or of a plain number of milliseconds; from 0 to
/// `max`.
Result<int64_t> ParseDuration(std::string_view name, std::string_view text, int64_t max);
/// The parameter `name` as a duration; 0 if it is not there.
Result<int64_t> DurationParameter(const http::QueryParameters& query, std::string_view name,
                                  int64_t max);

/// The parameter `name` as a whole number from `min` to `max`; `fallback` if it is not there.
Result<int64_t> NumberParameter(const http::QueryParameters& query, std::string_view name,
                                int64_t min, int64_t max, int64_t fallback);

/// RFC 3339 with any offset, from 1970 to 9999. What is finer than a millisecond is rounded up, so
/// that nothing runs before its time.
std::optional<WallTime> ParseRfc3339(std::string_view text);

/// 64 hexadecimal digits.
std::optional<Sha256> ParseSha256(std::string_view hex);

/// Text for people, without control characters, of `min` (0 or 1) to `max` bytes.
Status ReadPrintable(JsonValue value, size_t min, size_t max, std::string* out);

}  // namespace treadle::api
