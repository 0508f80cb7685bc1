// The two kinds of time (docs/architecture.md, "Time"), as types that do not mix.
//
// ShardTime carries durations: it never goes backward and is stored in every frame of the journal.
// WallTime is what people mean by a date. Both count milliseconds; arithmetic saturates instead of
// overflowing.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <string>

#include "base/fixed_text.h"

namespace treadle {

constexpr int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}

constexpr int64_t SaturatingSubtract(int64_t a, int64_t b) {
  int64_t difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return b < 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}

constexpr int64_t SaturatingMultiply(int64_t a, int64_t b) {
  int64_t product = 0;
  if (!__builtin_mul_overflow(a, b, &product)) return product;
  return (a < 0) == (b < 0) ? std::numeric_limits<int64_t>::max()
                            : std::numeric_limits<int64_t>::min();
}

template <class Tag>
struct Instant {
  int64_t ms = 0;

  constexpr auto operator<=>(const Instant&) const = default;
  friend constexpr Instant operator+(Instant t, int64_t ms) { return {SaturatingAdd(t.ms, ms)}; }
  /// Milliseconds from `b` to `a`.
  friend constexpr int64_t operator-(Instant a, Instant b) {
    return SaturatingSubtract(a.ms, b.ms);
  }
};

/// Milliseconds of the shard's own life; 0 is its creation.
using ShardTime = Instant<struct ShardTimeTag>;
/// Milliseconds since 1970-01-01 UTC; 0 means "not set" in records.
using WallTime = Instant<struct WallTimeTag>;

/// RFC 3339 in UTC with milliseconds, "2026-11-23T20:53:01.250Z". Of a year before 0 or after 9999,
/// which has no such form, the nearest that has one.
FixedText<24> WallTimeText(WallTime time);
std::string FormatWallTime(WallTime time);

/// Where a node reads time. Real: SystemClock. Simulated: sim/. Any thread may call it.
class Clock {
 public:
  virtual ~Clock() = default;
  /// May jump in either direction.
  virtual WallTime Wall() = 0;
  /// Milliseconds since an arbitrary start; never backward.
  virtual int64_t MonotonicMs() = 0;
};

class SystemClock final : public Clock {
 public:
  WallTime Wall() override;
  int64_t MonotonicMs() override;
};

}  // namespace treadle
