#include "loadgen/burst_latency.h"

#include <gtest/gtest.h>

namespace treadle::loadgen {
namespace {

using std::chrono::seconds;

constexpr int64_t kSecondUs = 1'000'000;

/// Two seconds before, three in the burst; then so many of the latencies, one each second.
BurstLatency With(int64_t before_us, std::initializer_list<int64_t> after_us) {
  BurstLatency latency(seconds(2), seconds(3));
  latency.Add(0, before_us);
  latency.Add(2 * kSecondUs, 1'000'000);
  int64_t at_us = 5 * kSecondUs;
  for (const int64_t us : after_us) {
    if (us > 0) latency.Add(at_us, us);
    at_us += kSecondUs;
  }
  return latency;
}

TEST(BurstLatency, ATaskBelongsToThePhaseOfItsIntendedStart) {
  BurstLatency latency(seconds(2), seconds(3));
  for (const int64_t at_us : {int64_t{0}, 2 * kSecondUs - 1, 2 * kSecondUs, 5 * kSecondUs - 1,
                              5 * kSecondUs, 9 * kSecondUs, 10 * kSecondUs})
    latency.Add(at_us, 10);
  EXPECT_EQ(latency.Of(BurstPhase::kBefore).count(), 2U);
  EXPECT_EQ(latency.Of(BurstPhase::kBurst).count(), 2U);
  EXPECT_EQ(latency.Of(BurstPhase::kAfter).count(), 3U);
}

TEST(BurstLatency, NormalIsTwiceWhatItWasBefore) {
  EXPECT_EQ(With(50, {101, 100, 300}).NormalAfterSeconds(), 1);
  EXPECT_EQ(With(50, {60}).NormalAfterSeconds(), 0);
  EXPECT_EQ(With(50, {101, 102}).NormalAfterSeconds(), std::nullopt);
}

TEST(BurstLatency, ASecondWithoutATaskIsNotNormal) {
  EXPECT_EQ(With(50, {0, 0, 80}).NormalAfterSeconds(), 2);
}

TEST(BurstLatency, WithoutABeforeThereIsNoNormal) {
  BurstLatency latency(seconds(2), seconds(3));
  latency.Add(5 * kSecondUs, 1);
  EXPECT_EQ(latency.NormalAfterSeconds(), std::nullopt);
}

TEST(BurstLatency, OneTaskOfAHundredMayBeSlow) {
  BurstLatency latency(seconds(2), seconds(3));
  for (int i = 0; i < 100; ++i) {
    latency.Add(i, 50);
    latency.Add(5 * kSecondUs + i, i == 0 ? 9'000 : 50);
  }
  EXPECT_EQ(latency.NormalAfterSeconds(), 0);
}

}  // namespace
}  // namespace treadle::loadgen
