#include "node/stall_alarm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "base/hand_executor.h"

namespace treadle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Write = DiskWatch::Write;
using Kind = DiskWatch::Kind;

class StallAlarmTest : public testing::Test {
 protected:
  void PassMs(int64_t ms) {
    clock_.now_ms += ms;
    executor_.RunDue();
  }

  DiskWatch watch_;
  HandClock clock_;
  HandExecutor executor_{&clock_};
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
  EXPECT_EQ(executor_.waiting(), 0U);
}

}  // namespace
}  // namespace treadle
