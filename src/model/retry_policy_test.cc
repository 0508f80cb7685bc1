#include "model/retry_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

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

TEST(Backoff, OfEachKindGrowsAsItsNameImplies) {
  RetryPolicy policy{.jitter = Jitter::kNone, .backoff_base_ms = 100, .backoff_cap_ms = 250};
  const auto waits = [&](Backoff backoff) {
    policy.backoff = backoff;
    return std::vector{BackoffMs(policy, 1, 0), BackoffMs(policy, 2, 0), BackoffMs(policy, 3, 0)};
  };
  EXPECT_EQ(waits(Backoff::kExponential), (std::vector<int64_t>{100, 200, 250}));
  EXPECT_EQ(waits(Backoff::kLinear), (std::vector<int64_t>{100, 200, 250}));
  EXPECT_EQ(waits(Backoff::kFixed), (std::vector<int64_t>{100, 100, 100}));
  policy.delays_ms = {7, 86'400'000};
  EXPECT_EQ(waits(Backoff::kListed), (std::vector<int64_t>{7, 86'400'000, 86'400'000}));
}

TEST(Backoff, JitterDrawsFromItsRange) {
  RetryPolicy policy{.backoff = Backoff::kFixed, .jitter = Jitter::kEqual, .backoff_base_ms = 100};
  int64_t least = 1'000;
  int64_t most = 0;
  for (uint64_t random = 0; random < 1'000; ++random) {
    least = std::min(least, BackoffMs(policy, 1, random));
    most = std::max(most, BackoffMs(policy, 1, random));
  }
  EXPECT_EQ(least, 50);
  EXPECT_EQ(most, 100);
}

TEST(RetryPolicy, NeverWinsOverAlwaysAndAlwaysOverTheWorker) {
  RetryPolicy policy;
  policy.never = {"both", "never"};
  policy.always = {"both", "always"};
  EXPECT_FALSE(MayRetry(policy, "both", true));
  EXPECT_FALSE(MayRetry(policy, "never", true));
  EXPECT_TRUE(MayRetry(policy, "always", false));
  EXPECT_TRUE(MayRetry(policy, "other", true));
  EXPECT_FALSE(MayRetry(policy, "other", false));
}

TEST(RetryPolicy, ListedDelaysAndTheirBackoffGoTogether) {
  RetryPolicy policy;
  EXPECT_TRUE(Validate(policy).ok());
  policy.backoff = Backoff::kListed;
  EXPECT_EQ(Validate(policy).message().find("retry.delays_ms"), 0U);
  policy.delays_ms = {1};
  EXPECT_TRUE(Validate(policy).ok());
  policy.backoff = Backoff::kFixed;
  EXPECT_FALSE(Validate(policy).ok());
}

}  // namespace
}  // namespace treadle
