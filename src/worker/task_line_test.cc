#include "worker/task_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace treadle::worker {
namespace {

using ::testing::MatchesRegex;

wire::Lease Greet(bool sensitive = false) {
  return {.id = "1-6", .type = "greet", .attempt = 1, .max_attempts = 20, .sensitive = sensitive};
}

TEST(TaskLine, DescribesHowATaskEnded) {
  const TaskLine line(Greet());
  EXPECT_THAT(line.For(Completed{}), MatchesRegex("1-6 greet completed in [0-9]+ ms"));
  EXPECT_EQ(line.For(Failed{"exit_1", "no such host"}),
            "1-6 greet failed (exit 1), attempt 1 of 20");
  EXPECT_EQ(line.For(Failed{"signal_SIGKILL", "killed by SIGKILL"}),
            "1-6 greet failed (SIGKILL), attempt 1 of 20");
  EXPECT_EQ(line.For(Failed{"exception", "Traceback:\n  at f\nno\x1b[2J"}),
            "1-6 greet failed (exception: no\\x1b[2J), attempt 1 of 20");
  EXPECT_EQ(line.For(Snoozed{std::chrono::minutes(10)}), "1-6 greet snoozed for 10 min");
  EXPECT_EQ(line.For(Discarded{"sold out"}), "1-6 greet discarded");
  EXPECT_THAT(
      line.For(Released{}),
      MatchesRegex(
          "1-6 greet was stopped after [0-9]+ ms and returned without counting the attempt"));
}

TEST(TaskLine, HidesTheContentsOfASensitiveTask) {
  const TaskLine line(Greet(/*sensitive=*/true));
  EXPECT_EQ(line.For(Failed{"card_4111", "card 4111 is refused"}),
            "1-6 greet failed, attempt 1 of 20");
}

TEST(TaskLine, ReportsWhatTheServerDidAfterAFailure) {
  EXPECT_EQ(WhatFollows({.state = "retrying", .retry_in_ms = 222}), ", retrying in 222 ms");
  EXPECT_EQ(WhatFollows({.state = "ready", .retry_in_ms = 0}), ", retrying in 0 ms");
  EXPECT_EQ(WhatFollows({.state = "dead"}), ", dead");
  EXPECT_EQ(WhatFollows({.state = "cancelled"}), ", cancelled");
  EXPECT_EQ(WhatFollows({}), "") << "completed, or a server before 0.4";
  EXPECT_EQ(WhatFollows({.state = "\x1b[2J"}), "") << "a wrong server";
}

TEST(TaskLine, TimesAreShort) {
  using std::chrono::milliseconds;
  EXPECT_EQ(ShortTime(milliseconds(31)), "31 ms");
  EXPECT_EQ(ShortTime(milliseconds(4'250)), "4.2 s");
  EXPECT_EQ(ShortTime(milliseconds(5'000)), "5 s");
  EXPECT_EQ(ShortTime(milliseconds(185'000)), "3 min 5 s");
  EXPECT_EQ(ShortTime(milliseconds(600'000)), "10 min");
  EXPECT_EQ(ShortTime(milliseconds(7'500'000)), "2 h 5 min");
  EXPECT_EQ(ShortTime(milliseconds(97'200'000)), "1 d 3 h");
  EXPECT_EQ(ShortTime(milliseconds(315'360'000'000)), "3650 d");
}

}  // namespace
}  // namespace treadle::worker
