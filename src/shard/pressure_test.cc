#include "shard/pressure.h"

#include "shard/shard_fixture.h"

namespace treadle {
namespace {

using testing::HasSubstr;

constexpr uint64_t kMuch = uint64_t{1} << 60;  // more than any disk has free

class PressureTest : public ShardPartTest {
 protected:
  PressureTest() : ShardPartTest({.disk_reserve_bytes = 0, .backlog_bytes_max = 4'000}) {}

  Status Refusal(uint8_t priority = 5) {
    auto body = std::make_shared<TaskBody>();
    body->payload = "1";
    body->payload_sha256 = Sha256Of("1");
    NewTask task{.queue = "mail", .type = "send", .body = body};
    task.priority = priority;
    return pressure_.RefuseEnqueue(*EnqueueCommand::Make({task}));
  }
  void UseMemory(uint64_t mib) {
    memory_use_.used_bytes = mib << 20;
    memory_.Check();
  }
  /// Journal that no checkpoint has seen.
  void AddBacklog(uint64_t bytes) { checkpoints_.Add(++frame_, bytes); }

  uint64_t frame_ = 0;
  Checkpoints checkpoints_{this, this, env_, options_, frames_.get(), StoreMeta{}};
  Pressure pressure_{this, env_, options_, &checkpoints_};
};

TEST_F(PressureTest, RefusesNothingWhileThereIsRoom) {
  EXPECT_TRUE(Refusal().ok());
  EXPECT_TRUE(pressure_.RefuseSave().ok());
  EXPECT_FALSE(pressure_.refuses());
}

TEST_F(PressureTest, ANearlyFullDiskTakesNoTasks) {
  KeepFree(kMuch);
  EXPECT_TRUE(pressure_.IsDiskNearlyFull());
  EXPECT_EQ(Refusal().message(), "the server's disk is nearly full");
  EXPECT_TRUE(pressure_.refuses());
}

TEST_F(PressureTest, WhatWasWrittenSinceTheLastLookCountsAsGone) {
  stats_.journal_bytes = space_->spendable_bytes();
  EXPECT_TRUE(pressure_.IsDiskNearlyFull());
  RunAll();  // it looks again: the bytes did not come from this disk
  EXPECT_FALSE(pressure_.IsDiskNearlyFull());
}

TEST_F(PressureTest, NearlyFullMemoryTakesNoTasksButLetsAttemptsSave) {
  UseMemory(1'000);
  EXPECT_EQ(Refusal().code(), Code::kResourceExhausted);
  EXPECT_TRUE(pressure_.RefuseSave().ok());
  UseMemory(100);
  EXPECT_TRUE(Refusal().ok());
}

TEST_F(PressureTest, ManySmallTasksCountAsMemoryBeforeItIsMeasured) {
  UseMemory(700);  // of 1,024 MiB, with a reserve of 256: 68 are left
  stats_.tasks_enqueued = 60'000;
  EXPECT_TRUE(Refusal().ok());
  stats_.tasks_enqueued = 70'000;
  EXPECT_THAT(Refusal().message(), HasSubstr("faster than the server can measure"));
  RunAll();  // it looks again: they took less
  EXPECT_TRUE(Refusal().ok());
}

TEST_F(PressureTest, AStoreThatIsFarBehindTakesNeitherTasksNorSaves) {
  AddBacklog(4'001);
  EXPECT_TRUE(pressure_.IsStoreBehind());
  EXPECT_THAT(Refusal().message(), HasSubstr("the store has fallen behind"));
  EXPECT_THAT(pressure_.RefuseSave().message(), HasSubstr("the store has fallen behind"));
}

TEST_F(PressureTest, LowPriorityIsRefusedFirst) {
  AddBacklog(3'001);
  EXPECT_TRUE(Refusal(/*priority=*/5).ok());
  EXPECT_THAT(Refusal(/*priority=*/4).message(), HasSubstr("priority 5 or higher"));
}

TEST_F(PressureTest, LooksOnceASecondUntilTheShardCloses) {
  pressure_.Begin();
  RunAll();
  UseMemory(1'000);
  memory_use_.used_bytes = 0;
  PassMs(1'000);
  EXPECT_TRUE(Refusal().ok());
  closing_ = true;
  PassMs(1'000);
  EXPECT_EQ(loop_.waiting(), 0U);
}

}  // namespace
}  // namespace treadle
