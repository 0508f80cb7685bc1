#include "cli/retry_horizon.h"

#include <gtest/gtest.h>

namespace treadle::cli {
namespace {

JsonDocument Retry(const std::string& fields) {
  return *ReadJson(
      "{\"backoff\":\"exponential\",\"jitter\":\"full\",\"backoff_base_ms\":500,"
      "\"backoff_cap_ms\":60000,\"max_attempts\":" +
      fields + "}");
}

TEST(RetryHorizonTest, IsTheSumOfTheLongestWaits) {
  EXPECT_EQ(RetryHorizonMs(Retry("20").root), 783'500);
  EXPECT_EQ(RetryHorizonMs(Retry("1").root), 0);
  EXPECT_EQ(RetryHorizonMs(Retry("3").root), 1'500);
}

TEST(RetryHorizonTest, WordsNameEverythingThatAPolicySays) {
  const auto listed = ReadJson(
      R"({"backoff":"listed","jitter":"none","delays_ms":[1000,60000],"max_attempts":3,
          "total_ms":3600000,"never":["bad"],"always":["busy"]})");
  EXPECT_EQ(
      RetryInWords(listed->root),
      "waits 1 s, then 1 min, without jitter; 3 attempts wait about 1 min 1 s in total, at "
      "most 1 min 1 s; no attempt begins more than 1 h after the first failure; no retry after "
      "bad; always retries after busy");
  EXPECT_NE(RetryInWords(Retry("20").root).find("doubling after each failure, at most 1 min"),
            std::string::npos);
}

}  // namespace
}  // namespace treadle::cli
