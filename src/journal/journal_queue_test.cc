#include "journal/journal_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hand_executor.h"

namespace treadle {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using enum Journal::Durability;

/// Notes what is asked of it.
class NotedJournal final : public Journal {
 public:
  uint32_t term() const override { return 1; }
  uint64_t first_sequence() const override { return 1; }
  uint64_t recovered_sequence() const override { return 0; }
  Status Append(std::span<const Frame> frames, Durability durability) override {
    during();
    std::string call;
    for (const Frame& frame : frames) call += std::string(frame.effects) + " ";
    calls.push_back(call + (durability == kSynced ? "synced" : "written"));
    return failure;
  }
  Status Sync() override { return calls.push_back("sync"), failure; }
  Status Read(uint64_t, uint64_t, const Visitor&) override { return {}; }
  Status Trim(uint64_t) override { return {}; }
  bool HasRoomFor(uint64_t) const override { return true; }
  Status MakeRoom() override { return {}; }

  std::vector<std::string> calls;
  Status failure;
  std::function<void()> during = [] {};
};

class JournalQueueTest : public testing::Test {
 protected:
  void Append(const std::string& effects, Journal::Durability durability = kSynced,
              ShardId shard = 0) {
    if (shard == 0) shard = ++shards_;
    queue_.Append(shard, ++sequence_, {1}, effects, durability,
                  [this, effects](const Status& status) {
                    done_.push_back(effects + (status.ok() ? "" : ": " + status.message()));
                  });
  }

  uint64_t sequence_ = 0;
  ShardId shards_ = 0;  // each frame is another one's, unless the test says whose it is
  HandClock clock_;
  HandExecutor writer_{&clock_};
  NotedJournal journal_;
  DiskWatch watch_;
  JournalQueue queue_{&journal_, &writer_, &watch_, &clock_};
  std::vector<std::string> done_;
};

TEST_F(JournalQueueTest, WhatWaitsIsWrittenTogetherWithOneSync) {
  Append("a");
  Append("b");
  Append("c");
  EXPECT_EQ(writer_.waiting(), 1U);
  EXPECT_THAT(done_, IsEmpty());
  writer_.RunDue();
  EXPECT_THAT(journal_.calls, ElementsAre("a b c synced"));
  EXPECT_THAT(done_, ElementsAre("a", "b", "c"));
}

TEST_F(JournalQueueTest, ASecondFrameOfAShardHasASyncOfItsOwn) {
  Append("a", kSynced, 1);
  Append("b", kSynced, 2);
  Append("c", kSynced, 1);
  Append("d", kSynced, 3);
  Append("e", kSynced, 1);
  writer_.RunDue();
  EXPECT_THAT(journal_.calls, ElementsAre("a b synced", "c d synced", "e synced"));
  EXPECT_THAT(done_, ElementsAre("a", "b", "c", "d", "e"));
}

TEST_F(JournalQueueTest, WhatComesDuringAWriteGoesWithTheNext) {
  queue_.Append(1, ++sequence_, {1}, "a", kSynced, [this](const Status&) { Append("b"); });
  writer_.RunDue();
  EXPECT_THAT(journal_.calls, ElementsAre("a synced", "b synced"));
}

TEST_F(JournalQueueTest, OneFrameThatMustBeDurableMakesAllOfItsGroupDurable) {
  Append("a", kWritten);
  Append("b", kSynced);
  writer_.RunDue();
  Append("c", kWritten);
  writer_.RunDue();
  EXPECT_THAT(journal_.calls, ElementsAre("a b synced", "c written"));
}

TEST_F(JournalQueueTest, ASyncCoversTheFramesBeforeIt) {
  Append("a", kWritten);
  queue_.Sync([this](const Status&) { done_.push_back("synced"); });
  writer_.RunDue();
  queue_.Sync([this](const Status&) { done_.push_back("synced again"); });
  writer_.RunDue();
  EXPECT_THAT(journal_.calls, ElementsAre("a synced", "sync"));
  EXPECT_THAT(done_, ElementsAre("a", "synced", "synced again"));
}

TEST_F(JournalQueueTest, AFailureIsToldToAllOfItsGroup) {
  journal_.failure = {Code::kUnavailable, "gone"};
  Append("a");
  Append("b");
  writer_.RunDue();
  EXPECT_THAT(done_, ElementsAre("a: gone", "b: gone"));
}

TEST_F(JournalQueueTest, OthersSeeHowLongAWriteTakes) {
  journal_.during = [this] {
    EXPECT_EQ(watch_.AgeMs(DiskWatch::Kind::kJournal, clock_.now_ms + 5), 5);
  };
  Append("a");
  writer_.RunDue();
  EXPECT_THAT(done_, ElementsAre("a"));
  EXPECT_EQ(watch_.AgeMs(DiskWatch::Kind::kJournal, clock_.now_ms + 5), 0) << "it has ended";
}

}  // namespace
}  // namespace treadle
