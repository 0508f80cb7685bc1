#include "base/time.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

TEST(Time, ArithmeticSaturatesInsteadOfWrappingAround) {
  EXPECT_EQ((ShardTime{kMax} + 1).ms, kMax);
  EXPECT_EQ((ShardTime{kMin} + -1).ms, kMin);
  EXPECT_EQ(WallTime{kMax} - WallTime{-5}, kMax);
  EXPECT_EQ(WallTime{-1} - WallTime{kMin}, kMax);
  EXPECT_EQ(WallTime{0} - WallTime{kMin}, kMax);
  EXPECT_EQ(WallTime{kMin + 5} - WallTime{kMin}, 5);
  EXPECT_EQ(WallTime{-2} - WallTime{kMax}, kMin);
  EXPECT_EQ(SaturatingMultiply(kMax / 2, 3), kMax);
  EXPECT_EQ(SaturatingMultiply(kMin / 2, 3), kMin);
  EXPECT_EQ(SaturatingMultiply(-2, 3), -6);
}

TEST(Time, WallTimeIsWrittenAsRfc3339) {
  EXPECT_EQ(FormatWallTime({0}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatWallTime({1'700'000'000'123}), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(FormatWallTime({-1}), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatWallTime({253'402'300'799'999}), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatWallTime({-62'167'219'200'000}), "0000-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatWallTime({951'827'696'789}), "2000-02-29T12:34:56.789Z");
}

TEST(Time, WallTimeBeyondFourDigitsOfYearsIsTheNearestWithin) {
  EXPECT_EQ(FormatWallTime({kMax}), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatWallTime({kMin}), "0000-01-01T00:00:00.000Z");
}

}  // namespace
}  // namespace treadle
