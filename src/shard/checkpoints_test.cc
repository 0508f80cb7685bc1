#include "shard/checkpoints.h"

#include "shard/shard_fixture.h"

namespace treadle {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class CheckpointsTest : public ShardPartTest {
 protected:
  CheckpointsTest()
      : ShardPartTest({.checkpoint_bytes = 1 << 20, .checkpoint_ms = 2'000}),
        checkpoints_(this, this, env_, options_, frames_.get(), StoreMeta{}) {}

  void OnDurable(uint64_t sequence, uint64_t bytes) override {
    checkpoints_.Add(sequence, bytes);
    checkpoints_.BeginLater();
  }
  /// A durable frame that no checkpoint has seen.
  void Write() {
    Enqueue();
    RunLoopAndDisk();
  }
  void RunLoopAndDisk() {
    while (loop_.RunDue() || writer_.RunDue()) {
    }
  }
  void WaitForStore(int64_t wait_ms = 1'000) {
    checkpoints_.WhenStored(wait_ms, [this](bool is_stored) {
      answered_.push_back((is_stored ? "stored " : "late at ") +
                          std::to_string(checkpoints_.stored()));
    });
  }

  Checkpoints checkpoints_;
};

TEST_F(CheckpointsTest, AChangeIsStoredAfterAWhile) {
  Write();
  EXPECT_FALSE(checkpoints_.is_current());
  PassMs(1'999);
  EXPECT_EQ(checkpoints_.stored(), 0U);
  EXPECT_EQ(checkpoints_.AgeMs(), 1'999);
  PassMs(1);
  EXPECT_EQ(checkpoints_.stored(), 1U);
  EXPECT_TRUE(checkpoints_.is_current());
  EXPECT_EQ(checkpoints_.AgeMs(), 0);
  EXPECT_EQ(stats_.checkpoints, 1U);
}

TEST_F(CheckpointsTest, MuchJournalIsStoredAtOnce) {
  for (int i = 0; i < 3; ++i) {
    Enqueue(400 << 10);
    RunLoopAndDisk();
  }
  EXPECT_TRUE(checkpoints_.is_running());
  RunAll();
  EXPECT_EQ(checkpoints_.stored(), 3U);
  EXPECT_EQ(checkpoints_.backlog_bytes(), 0U);
}

TEST_F(CheckpointsTest, WhoWaitsForTheStoreMakesACheckpoint) {
  Write();
  WaitForStore();
  EXPECT_THAT(answered_, IsEmpty());
  RunAll();
  EXPECT_THAT(answered_, ElementsAre("stored 1"));
}

TEST_F(CheckpointsTest, WhoWaitsTooLongIsToldSo) {
  Write();
  WaitForStore(/*wait_ms=*/500);
  clock_.now_ms += 500;  // and the checkpoint does not run
  RunLoopAndDisk();
  EXPECT_THAT(answered_, ElementsAre("late at 0"));
  RunAll();
  EXPECT_THAT(answered_, ElementsAre("late at 0")) << "nobody is answered twice";
}

TEST_F(CheckpointsTest, NobodyWaitsForAStoreThatHasItAll) {
  WaitForStore();
  EXPECT_THAT(answered_, ElementsAre("stored 0"));
}

TEST_F(CheckpointsTest, AChangeThatIsNotDurableYetIsWaitedForToo) {
  Write();
  checkpoints_.Begin();
  checkpoint_.RunDue();
  Enqueue();  // the batch is open when the shard hears of the checkpoint
  WaitForStore();
  RunLoopAndDisk();
  EXPECT_THAT(answered_, IsEmpty());
  RunAll();
  EXPECT_THAT(answered_, ElementsAre("stored 2"));
}

TEST_F(CheckpointsTest, WhoWaitsForRoomGoesOnAfterTheNextCheckpoint) {
  Write();
  checkpoints_.WhenThereIsRoom(3'000, [this] { answered_.push_back("room"); });
  RunLoopAndDisk();
  EXPECT_THAT(answered_, IsEmpty());
  RunAll();
  EXPECT_THAT(answered_, ElementsAre("room"));
}

TEST_F(CheckpointsTest, WhoWaitsForRoomInVainGoesOnAtLast) {
  Write();
  checkpoints_.WhenThereIsRoom(3'000, [this] { answered_.push_back("room"); });
  clock_.now_ms += 3'000;
  RunLoopAndDisk();
  EXPECT_THAT(answered_, ElementsAre("room"));
}

TEST_F(CheckpointsTest, WhatTheStoreHasMayLeaveMemory) {
  const TaskId id = Enqueue();
  RunAll();
  ASSERT_TRUE(engine_.Peek(id)->HasBody());
  engine_.mutable_state()->parts_bytes_max = 0;
  PassMs(2'000);
  EXPECT_FALSE(engine_.Peek(id)->HasBody());
}

}  // namespace
}  // namespace treadle
