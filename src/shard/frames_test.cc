#include "shard/frames.h"

#include "shard/shard_fixture.h"

namespace treadle {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr size_t kLarge = 128 << 10;  // worth a sync of its own

class FramesTest : public ShardPartTest {
 protected:
  using ShardPartTest::ShardPartTest;

  /// One command with its reply, to the end of its turn. The disk does not move.
  void Command(const std::string& name, size_t payload_bytes = 10) {
    Enqueue(payload_bytes);
    Reply(name);
    loop_.RunDue();
  }
  /// The disk writes all that was sent to it.
  void RunDisk() {
    writer_.RunDue();
    loop_.RunDue();
  }
  /// A question: a reply without a change.
  void Question(const std::string& name) {
    Reply(name);
    loop_.RunDue();
  }
};

TEST_F(FramesTest, AReplyLeavesWhenItsFrameIsDurable) {
  Command("first");
  EXPECT_THAT(answered_, IsEmpty());
  EXPECT_EQ(frames_->applied(), 1U);
  RunDisk();
  EXPECT_THAT(answered_, ElementsAre("first"));
  EXPECT_EQ(frames_->durable(), 1U);
  EXPECT_TRUE(frames_->is_idle());
}

TEST_F(FramesTest, CommandsOfOneTurnShareAFrame) {
  Enqueue();
  Reply("one");
  Enqueue();
  Reply("two");
  loop_.RunDue();
  RunDisk();
  EXPECT_EQ(frames_->durable(), 1U);
  EXPECT_THAT(answered_, ElementsAre("one", "two"));
}

TEST_F(FramesTest, ASmallBatchGrowsUntilTheDiskIsFree) {
  Command("first");
  Command("second");
  Command("third");
  EXPECT_EQ(writer_.waiting(), 1U);
  RunDisk();
  EXPECT_THAT(answered_, ElementsAre("first"));
  RunDisk();
  EXPECT_THAT(answered_, ElementsAre("first", "second", "third"));
  EXPECT_EQ(frames_->durable(), 2U);
}

TEST_F(FramesTest, ALargeBatchFollowsTheFrameThatSyncsAndAThirdWaits) {
  Command("first", kLarge);
  Command("second", kLarge);
  Command("third", kLarge);
  EXPECT_EQ(frames_->applied(), 3U);
  writer_.RunDue();
  EXPECT_EQ(journal_->appends, 2) << "two were on their way";
  RunAll();
  EXPECT_EQ(journal_->appends, 3);
  EXPECT_EQ(frames_->durable(), 3U);
  EXPECT_THAT(answered_, ElementsAre("first", "second", "third"));
}

TEST_F(FramesTest, AQuestionWaitsForTheFrameThatItMayHaveSeen) {
  Command("change");
  Question("question");
  EXPECT_THAT(answered_, IsEmpty());
  RunDisk();
  EXPECT_THAT(answered_, UnorderedElementsAre("change", "question"));
  EXPECT_EQ(frames_->durable(), 1U) << "a batch without changes makes no frame";
}

TEST_F(FramesTest, AQuestionToAnIdleShardIsAnsweredInItsTurn) {
  Command("change");
  RunDisk();
  Question("question");
  EXPECT_THAT(answered_, ElementsAre("change", "question"));
  EXPECT_EQ(writer_.waiting(), 0U);
}

TEST_F(FramesTest, AFailedWriteEndsTheShardAndAnswersNobody) {
  journal_->failure = {Code::kUnavailable, "the disk is gone"};
  Command("first");
  RunAll();
  EXPECT_EQ(failure_.message(), "the disk is gone");
  EXPECT_THAT(answered_, IsEmpty());
  EXPECT_EQ(frames_->durable(), 0U);
}

class IntervalFramesTest : public FramesTest {
 protected:
  IntervalFramesTest() : FramesTest({.durability = NodeOptions::Durability::kInterval}) {}
};

TEST_F(IntervalFramesTest, FramesAreSyncedTogetherWithinASecond) {
  for (const std::string name : {"first", "second", "third"}) {
    Command(name);
    RunDisk();
  }
  EXPECT_THAT(answered_, ElementsAre("first", "second", "third"));
  EXPECT_EQ(journal_->syncs, 0);
  PassMs(1'000);
  EXPECT_EQ(journal_->syncs, 1);
  PassMs(1'000);
  EXPECT_EQ(journal_->syncs, 1) << "there is nothing new to sync";
}

TEST_F(IntervalFramesTest, WhoNeedsASyncedJournalGetsOneAtOnce) {
  Command("first");
  RunDisk();
  bool is_synced = false;
  frames_->Sync([&] { is_synced = true; });
  EXPECT_FALSE(is_synced) << "the journal's executor syncs";
  RunDisk();
  EXPECT_TRUE(is_synced);
  EXPECT_EQ(journal_->syncs, 1);
}

TEST_F(IntervalFramesTest, AFailedSyncEndsTheShard) {
  Command("first");
  RunDisk();
  journal_->failure = {Code::kUnavailable, "the disk is gone"};
  PassMs(1'000);
  EXPECT_EQ(failure_.message(), "the disk is gone");
}

}  // namespace
}  // namespace treadle
