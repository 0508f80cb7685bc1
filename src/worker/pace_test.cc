#include "worker/pace.h"

#include <gtest/gtest.h>

namespace treadle::worker {
namespace {

TEST(Pace, OnlyShortTasksAreLeasedAhead) {
  Pace pace;
  EXPECT_EQ(pace.Ahead(4), 0u) << "before anything is known";
  for (int i = 0; i < 200; ++i) pace.Ended(std::chrono::microseconds(100), 100);
  EXPECT_NEAR(static_cast<double>(pace.Ahead(1)), 200, 10);
  EXPECT_NEAR(static_cast<double>(pace.Ahead(4)), 800, 40);
  EXPECT_EQ(pace.Ahead(10), 990u) << "with those that run, an exchange renews them all";
  EXPECT_EQ(pace.Ahead(1000), 0u);
  pace.Stalled();
  EXPECT_EQ(pace.Ahead(4), 0u);
  for (int i = 0; i < 200; ++i) pace.Ended(std::chrono::milliseconds(50), 100);
  EXPECT_EQ(pace.Ahead(1), 0u);
}

TEST(Pace, LargePayloadsAreNotLeasedByTheThousand) {
  Pace pace;
  for (int i = 0; i < 200; ++i) pace.Ended(std::chrono::microseconds(10), 1 << 20);
  EXPECT_LE(pace.Ahead(1), 8u);
}

}  // namespace
}  // namespace treadle::worker
