#include "node/stall_alarm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace treadle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Write = DiskWatch::Write;
using Kind = DiskWatch::Kind;

class HandClock final : public Clock {
 public:
  WallTime Wall() override { return {now_ms}; }
  int64_t MonotonicMs() override { return now_ms; }
  int64_t now_ms = 100'000;
};

/// Runs what it was given when the clock is moved.
class HandExecutor final : public Executor {
 public:
  void Post(std::function<void()> work) override { work_.push_back(std::move(work)); }
  void PostAfter(int64_t, std::function<void()> work) override { work_.push_back(std::move(work)); }
  void RunAll() {
    for (const auto& work : std::exchange(work_, {})) work();
  }
  bool is_empty() const { return work_.empty(); }

 private:
  std::vector<std::function<void()>> work_;
};

class StallAlarmTest : public testing::Test {
 protected:
  void PassMs(int64_t ms) {
    clock_.now_ms += ms;
    executor_.RunAll();
  }

  DiskWatch watch_;
  HandClock clock_;
  HandExecutor executor_;
  std::vector<std::string> log_;
  StallAlarm alarm_{{.watch = &watch_,
                     .clock = &clock_,
                     .executor = &executor_,
                     .log = [this](const std::string& line) { log_.push_back(line); },
                     .directory = "/data"}};
};

TEST_F(StallAlarmTest, IsSilentWhileWritesAreShort) {
  alarm_.Begin();
  for (int i = 0; i < 20; ++i) {
    const Write write(&watch_, Kind::kJournal, &clock_);
    PassMs(StallAlarm::kJournalMs - 1);
    EXPECT_TRUE(alarm_.Check().ok());
  }
  EXPECT_TRUE(log_.empty());
}

TEST_F(StallAlarmTest, ReportsAJournalThatHangsUntilItWritesAgain) {
  alarm_.Begin();
  std::optional<Write> write(std::in_place, &watch_, Kind::kJournal, &clock_);
  PassMs(StallAlarm::kJournalMs);
  EXPECT_EQ(alarm_.Check().code(), Code::kUnavailable);
  EXPECT_THAT(alarm_.Check().message(), HasSubstr("journal in /data"));
  write.reset();
  EXPECT_TRUE(alarm_.Check().ok());
  PassMs(1'000);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("waiting for the disk for 5 s"),
                                HasSubstr("accepts writes again")));
}

TEST_F(StallAlarmTest, ReportsAStoreThatHangsWhileTheJournalWrites) {
  alarm_.Begin();
  const Write store(&watch_, Kind::kStore, &clock_);
  PassMs(StallAlarm::kStoreMs);
  const Write journal(&watch_, Kind::kJournal, &clock_);
  EXPECT_EQ(alarm_.Check().code(), Code::kUnavailable);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("store")));
  EXPECT_EQ(watch_.AgeMs(Kind::kStore, clock_.now_ms), StallAlarm::kStoreMs);
  EXPECT_EQ(watch_.AgeMs(Kind::kJournal, clock_.now_ms), 0);
}

TEST_F(StallAlarmTest, LogsALongStallOnlyEachTimeItHasDoubled) {
  alarm_.Begin();
  const Write write(&watch_, Kind::kJournal, &clock_);
  for (int second = 0; second < 100; ++second) PassMs(1'000);
  EXPECT_THAT(log_, ElementsAre(HasSubstr(" 5 s"), HasSubstr(" 10 s"), HasSubstr(" 20 s"),
                                HasSubstr(" 40 s"), HasSubstr(" 80 s")));
}

TEST_F(StallAlarmTest, StopsLookingOnceStopped) {
  alarm_.Begin();
  alarm_.Stop();
  PassMs(1'000);
  EXPECT_TRUE(executor_.is_empty());
}

}  // namespace
}  // namespace treadle
