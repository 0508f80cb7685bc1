#include "loadgen/exposition.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace treadle::loadgen {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

constexpr std::string_view kExposition =
    "# TYPE treadle_checkpoints_total counter\n"
    "treadle_checkpoints_total 7\n"
    "treadle_shard_turn_seconds_count 13\n"
    "treadle_shard_turn_seconds_bucket{le=\"0.001\"} 10\n"
    "treadle_shard_turn_seconds_bucket{le=\"0.02\"} 12\n"
    "treadle_shard_turn_seconds_bucket{le=\"+Inf\"} 13\n"
    "treadle_shard_turn_longest_seconds 0.0345\n"
    "treadle_shard_turn_cpu_seconds_bucket{le=\"0.001\"} 13\n"
    "treadle_shard_turn_cpu_seconds_bucket{le=\"+Inf\"} 13\n"
    "treadle_shard_turn_cpu_longest_seconds 0.0008\n";

TEST(Exposition, AMetricIsFoundByItsWholeName) {
  EXPECT_EQ(MetricOf(kExposition, "treadle_checkpoints_total"), 7);
  EXPECT_EQ(MetricOf(kExposition, "treadle_checkpoints"), std::nullopt);
}

TEST(Exposition, TurnsAreReadByBucket) {
  const auto turns = ShardTurnsOf(kExposition);
  ASSERT_TRUE(turns);
  EXPECT_EQ(turns->clock.longest_s, 0.0345);
  ASSERT_EQ(turns->clock.buckets.size(), 3U);
  EXPECT_EQ(turns->clock.buckets[1].bound_s, 0.02);
  EXPECT_EQ(turns->clock.buckets[1].turns, 12U);
  EXPECT_TRUE(std::isinf(turns->clock.buckets[2].bound_s));
  EXPECT_EQ(LongestTurnMs({}, turns->processor), 0.8);
}

TEST(Exposition, AServerWithoutTurnsReportsNone) {
  EXPECT_FALSE(ShardTurnsOf("treadle_checkpoints_total 7\n"));
}

TEST(Exposition, ALongestTurnThatIsARecordIsExact) {
  const TurnTimes before{{{0.001, 10}, {0.02, 11}, {kInfinity, 11}}, 0.012};
  const TurnTimes after{{{0.001, 90}, {0.02, 91}, {kInfinity, 92}}, 0.031};
  EXPECT_DOUBLE_EQ(LongestTurnMs(before, after), 31);
  EXPECT_DOUBLE_EQ(LongestTurnMs({}, before), 12);
}

TEST(Exposition, ALongestTurnThatIsNoRecordIsRoundedUpToItsBucket) {
  const TurnTimes before{{{0.001, 10}, {0.02, 11}, {kInfinity, 12}}, 0.031};
  const TurnTimes after{{{0.001, 90}, {0.02, 93}, {kInfinity, 94}}, 0.031};
  EXPECT_DOUBLE_EQ(LongestTurnMs(before, after), 20);
}

TEST(Exposition, WithoutATurnThereIsNoLongest) {
  const TurnTimes turns{{{0.001, 10}, {kInfinity, 12}}, 0.031};
  EXPECT_EQ(LongestTurnMs(turns, turns), 0);
}

}  // namespace
}  // namespace treadle::loadgen
