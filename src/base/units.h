// Durations, sizes, addresses and times as people write and read them. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/duration.h"  // ParseDuration(), which all of cli/ reads durations with
#include "base/time.h"

namespace treadle {

/// Bytes of "4096B", "64KiB", "64MiB", "2GiB", "1TiB" (short: "64K", "64M", "2G", "1T"; all powers
/// of 1024); a bare number is a size only if it is 0.
std::optional<uint64_t> ParseSize(std::string_view text);

struct Address {
  std::string host;  // without the brackets of an IPv6 address
  uint16_t port = 0;

  bool operator==(const Address&) const = default;
  /// "HOST:PORT", or "[HOST]:PORT" for IPv6.
  std::string ToString() const;
};

/// "HOST:PORT", "[::1]:PORT", or ":PORT" (127.0.0.1). Port 0 lets the system choose one.
std::optional<Address> ParseAddress(std::string_view text);

/// The time that FormatWallTime() wrote; nothing for any other form.
std::optional<WallTime> ParseWallTime(std::string_view text);

/// Without loss, as ParseSize() reads it: "0", "64MiB", "1000".
std::string ExactSize(uint64_t bytes);

/// Without loss, as ParseDuration() reads it: "0ms", "90s", "1d".
std::string ExactDuration(uint64_t ms);

/// The two largest units, rounded down: "350 ms", "12 s", "13 min 3 s", "2 h", "30 d".
std::string DurationInWords(int64_t ms);

/// "512 B", "1.5 MiB".
std::string SizeInWords(uint64_t bytes);

/// "1,234,567".
std::string WithCommas(int64_t number);

/// "1 task", "2 tasks".
std::string Counted(int64_t count, std::string_view noun);

}  // namespace treadle
