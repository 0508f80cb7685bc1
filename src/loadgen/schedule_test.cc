#include "loadgen/schedule.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <thread>

namespace treadle::loadgen {
namespace {

using std::chrono::milliseconds;

TEST(Schedule, CallsFollowEachPaceInItsTurn) {
  const std::vector<Pace> paces = {
      {10, milliseconds(200)}, {100, milliseconds(30)}, {10, milliseconds(150)}};
  std::vector<int64_t> starts_ms;
  for (int64_t call = 0; const auto start = StartOfCall(paces, call); ++call)
    starts_ms.push_back(*start / milliseconds(1));
  EXPECT_EQ(starts_ms, (std::vector<int64_t>{0, 100, 200, 210, 220, 230, 330}));
}

TEST(Schedule, TheNumberOfCallsIsLimited) {
  const std::atomic<bool> stop = false;
  Schedule schedule({{0, std::chrono::hours(1)}}, 3);
  int calls = 0;
  while (schedule.Next(stop)) ++calls;
  EXPECT_EQ(calls, 3);
}

TEST(Schedule, AThreadThatWaitsForItsCallIsNotWokenLate) {
  std::thread([] {
    const std::atomic<bool> stop = false;
    Schedule schedule({{1'000, milliseconds(2)}});
    while (schedule.Next(stop)) continue;
    EXPECT_EQ(::prctl(PR_GET_TIMERSLACK), 1);  // ns
  }).join();
}

TEST(Schedule, StoppingEndsIt) {
  const std::atomic<bool> stop = true;
  EXPECT_EQ(Schedule({{1'000, std::chrono::hours(1)}}).Next(stop), std::nullopt);
}

}  // namespace
}  // namespace treadle::loadgen
