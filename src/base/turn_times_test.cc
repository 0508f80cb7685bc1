#include "base/turn_times.h"

#include <gtest/gtest.h>
#include <time.h>

#include <chrono>

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

using SteadyClock = std::chrono::steady_clock;

TEST(ProcessorMeter, AShortTurnHadTheProcessorAllTheTime) {
  ProcessorMeter meter;
  const auto begun = SteadyClock::now();
  const ProcessorMeter::Turn turn = meter.Begin(begun);
  EXPECT_EQ(meter.End(turn, begun + std::chrono::microseconds(300)), 300'000);
}

TEST(ProcessorMeter, ATurnThatSleptHadNone) {
  ProcessorMeter meter;
  const auto begun = SteadyClock::now();
  const ProcessorMeter::Turn turn = meter.Begin(begun);
  const int64_t used_ns = meter.End(turn, begun + std::chrono::hours(1));
  EXPECT_GE(used_ns, 0);
  EXPECT_LT(used_ns, 60'000'000'000);  // the clock says 3,600
}

TEST(ProcessorMeter, ATurnThatWorkedHadIt) {
  ProcessorMeter meter;
  const auto begun = SteadyClock::now();
  const ProcessorMeter::Turn turn = meter.Begin(begun);
  timespec used{};
  const auto used_ms = [&] {
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return used.tv_sec * 1'000 + used.tv_nsec / 1'000'000;
  };
  const auto before_ms = used_ms();
  while (used_ms() < before_ms + 5) continue;
  EXPECT_GE(meter.End(turn, SteadyClock::now()), 4'000'000);
}

}  // namespace
}  // namespace treadle
