#include "loadgen/stall_watch.h"

#include <gtest/gtest.h>

namespace treadle::loadgen {
namespace {

int64_t LongestOf(std::initializer_list<int64_t> events_us) {
  StallWatch watch;
  for (const int64_t at_us : events_us) watch.Happened(at_us);
  return watch.longest_us();
}

TEST(StallWatch, TheLongestTimeBetweenTwoEventsIsTheStall) {
  EXPECT_EQ(LongestOf({0, 10, 110, 115}), 100);
}

TEST(StallWatch, TimeBeforeTheFirstEventIsNoStall) {
  EXPECT_EQ(LongestOf({}), 0);
  EXPECT_EQ(LongestOf({5'000}), 0);
  EXPECT_EQ(LongestOf({5'000, 5'001}), 1);
}

TEST(StallWatch, AnEventThatIsReportedLateMakesNoStallLonger) {
  EXPECT_EQ(LongestOf({100, 130, 120, 150}), 30);
}

}  // namespace
}  // namespace treadle::loadgen
