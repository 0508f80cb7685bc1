#include "base/turn_times.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

TEST(TurnTimes, ATurnCountsInTheFirstBucketWhoseBoundItDoesNotExceed) {
  TurnTimes times;
  times.Add(0);
  times.Add(100'000);
  times.Add(100'001);
  times.Add(20'000'000);
  times.Add(5'000'000'000);
  EXPECT_EQ(times.counts(), (TurnTimes::Counts{2, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1}));
  EXPECT_EQ(times.total_ns(), 5'020'200'001);
  EXPECT_EQ(times.longest_ns(), 5'000'000'000);
}

}  // namespace
}  // namespace treadle
