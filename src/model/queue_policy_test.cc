#include "model/queue_policy.h"

#include <gtest/gtest.h>

#include <limits>

namespace treadle {
namespace {

TEST(Backoff, DoublesWithEachFailureUpToTheCap) {
  const RetryPolicy policy;  // 500 ms, cap 60 s
  const auto longest = [&](uint32_t failures) {
    int64_t most = 0;
    for (uint64_t random = 0; random <= 60'000; ++random)
      most = std::max(most, BackoffMs(policy, failures, random));
    return most;
  };
  EXPECT_EQ(longest(1), 500);
  EXPECT_EQ(longest(2), 1'000);
  EXPECT_EQ(longest(7), 32'000);
  EXPECT_EQ(longest(8), 60'000);
  EXPECT_EQ(longest(1'000), 60'000);
}

TEST(Backoff, NeverOverflowsAndNeverLeavesItsRange) {
  const int64_t max = std::numeric_limits<int64_t>::max();
  const RetryPolicy policy{.backoff_base_ms = max, .backoff_cap_ms = max};
  for (const uint64_t random : {uint64_t{0}, std::numeric_limits<uint64_t>::max()}) {
    EXPECT_GE(BackoffMs(policy, std::numeric_limits<uint32_t>::max(), random), 0);
    EXPECT_GE(BackoffMs(policy, 0, random), 0);
  }
  EXPECT_EQ(BackoffMs({.backoff_base_ms = 0, .backoff_cap_ms = 0}, 3, 99), 0);
}

TEST(QueuePolicy, TheDefaultIsValidAndABadFieldIsNamed) {
  EXPECT_TRUE(Validate(QueuePolicy{}).ok());
  QueuePolicy policy;
  policy.retention.dead_ms = -1;
  EXPECT_EQ(Validate(policy).code(), Code::kInvalidArgument);
  EXPECT_NE(Validate(policy).message().find("retention.dead_ms"), std::string::npos);
}

}  // namespace
}  // namespace treadle
