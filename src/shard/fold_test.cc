#include "shard/fold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace treadle {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

TaskImage Image(uint64_t sequence, TaskState state, uint64_t ordinal = 0) {
  TaskImage image;
  image.id = TaskId::Of(1, sequence);
  image.queue = 1;
  image.type = 1;
  image.state = state;
  image.ordinal = ordinal;
  return image;
}

std::shared_ptr<const TaskBody> Body(std::string payload = "null") {
  auto body = std::make_shared<TaskBody>();
  body->payload = std::move(payload);
  return body;
}

class FoldTest : public testing::Test {
 protected:
  template <class... Effects>
  void Add(const Effects&... effects) {
    std::string bytes;
    ByteWriter out(&bytes);
    (Encode(effects, &out), ...);
    ASSERT_TRUE(fold_.Add({++frame_, ShardTime{static_cast<int64_t>(frame_)}, bytes}).ok());
  }

  Fold fold_{1, 3};  // frames 1 and 2 may be in the store in part
  uint64_t frame_ = 0;
};

TEST_F(FoldTest, OnlyTheLastImageOfATaskIsLeftWithAllItsParts) {
  frame_ = 2;
  Add(TaskIsNew{Image(7, TaskState::kReady), Body("\"p\"")});
  Add(TaskIsNow{.image = Image(7, TaskState::kRunning), .holder = LeaseHolder{"w", 1}});
  Add(TaskIsNow{.image = Image(7, TaskState::kRetrying),
                .error = std::make_shared<TaskError>(TaskError{"e", "m"})});
  const auto parts = fold_.Take(1 << 20);
  ASSERT_THAT(parts, SizeIs(1));
  ASSERT_THAT(parts[0].tasks, SizeIs(1));
  const TaskChange& change = parts[0].tasks[0];
  EXPECT_EQ(change.now.image.state, TaskState::kRetrying);
  EXPECT_EQ(change.now.body->payload, "\"p\"");
  EXPECT_EQ(change.now.error->code, "e");
  EXPECT_FALSE(change.now.holder);
  EXPECT_TRUE(change.is_new);
  EXPECT_EQ(fold_.next_sequence(), 8U);
  EXPECT_EQ(fold_.last_frame(), 5U);
  EXPECT_EQ(fold_.last_time(), ShardTime{5});
}

TEST_F(FoldTest, ATaskThatBeganAndEndedAndIsNotKeptLeavesNothing) {
  frame_ = 2;
  Add(TaskIsNew{Image(1, TaskState::kReady), Body()});
  Add(TaskIsNow{.image = Image(1, TaskState::kCompleted, 4)},
      CountersAreNow{.queue = 1, .ended = {EndedRange{5, 5}}});
  const auto parts = fold_.Take(1 << 20);
  EXPECT_THAT(parts[0].tasks, IsEmpty());
  EXPECT_THAT(parts[0].counters, SizeIs(1));
}

TEST_F(FoldTest, ATaskThatTheStoreMayKnowIsRemovedFromIt) {
  Add(TaskIsNew{Image(1, TaskState::kReady), Body()});  // frame 1: before the last recovery
  Add(TaskIsNow{.image = Image(1, TaskState::kCompleted, 4)},
      CountersAreNow{.queue = 1, .ended = {EndedRange{5, 5}}});
  const auto parts = fold_.Take(1 << 20);
  ASSERT_THAT(parts[0].tasks, SizeIs(1));
  EXPECT_TRUE(parts[0].tasks[0].is_gone);
  EXPECT_FALSE(parts[0].tasks[0].is_new);
}

TEST_F(FoldTest, TasksThatLeaveNothingAreNotHeldUntilTheEnd) {
  frame_ = 2;
  constexpr uint64_t kTasks = 50'000;
  constexpr uint64_t kKept = 3;
  size_t most = 0;
  for (uint64_t i = 1; i <= kTasks; ++i) {
    Add(TaskIsNew{Image(i, TaskState::kReady), Body(std::to_string(i))});
    Add(TaskIsNow{.image = Image(i, TaskState::kCompleted, i),
                  .result = std::make_shared<TaskResult>()},
        CountersAreNow{.queue = 1, .ended = {EndedRange{i + 1, i > kKept ? i + 1 - kKept : 1}}});
    most = std::max(most, fold_.tasks_held());
  }
  EXPECT_LT(most, kTasks / 10);
  const auto parts = fold_.Take(1 << 20);
  ASSERT_THAT(parts[0].tasks, SizeIs(kKept));
  for (uint64_t i = 0; i < kKept; ++i) {
    const TaskChange& change = parts[0].tasks[i];
    EXPECT_TRUE(change.is_new && !change.is_gone && change.now.result);
    EXPECT_EQ(change.now.body->payload, std::to_string(kTasks - kKept + 1 + i));
  }
  EXPECT_EQ(fold_.next_sequence(), kTasks + 1);
}

TEST_F(FoldTest, RemovalsAreKeptForTasksThatTheStoreKnows) {
  constexpr uint64_t kTasks = 20'000;
  for (uint64_t i = 1; i <= kTasks; ++i)
    Add(TaskIsNow{.image = Image(i, TaskState::kCompleted, i),
                  .result = std::make_shared<TaskResult>()},
        CountersAreNow{.queue = 1, .ended = {EndedRange{i + 1, i}}});
  const auto parts = fold_.Take(64 << 20);
  ASSERT_THAT(parts[0].tasks, SizeIs(kTasks));
  for (uint64_t i = 1; i < kTasks; ++i) {
    const TaskChange& change = parts[0].tasks[i - 1];
    EXPECT_TRUE(change.is_gone && !change.is_new);
    EXPECT_EQ(TaskPlace::Of(change.now.image), TaskPlace::Of(Image(i, TaskState::kCompleted)));
  }
  EXPECT_FALSE(parts[0].tasks.back().is_gone);
  EXPECT_TRUE(parts[0].tasks.back().now.result);
}

TEST_F(FoldTest, AnEndedTaskWithANewPriorityIsRemovedFromItsOldLane) {
  Add(TaskIsNow{.image = Image(1, TaskState::kCancelled, 4)});
  TaskImage image = Image(1, TaskState::kCancelled, 4);
  image.priority += 1;
  Add(TaskIsNow{.image = image, .body = Body()});
  const auto parts = fold_.Take(1 << 20);
  ASSERT_THAT(parts[0].tasks[0].left, SizeIs(1));
  EXPECT_EQ(parts[0].tasks[0].left[0].priority, Image(1, TaskState::kCancelled).priority);
}

TEST_F(FoldTest, ChangesAreCutIntoTransactionsAndCountersComeLast) {
  for (uint64_t i = 1; i <= 10; ++i)
    Add(TaskIsNew{Image(i, TaskState::kReady), Body(std::string(1'000, 'x'))},
        CountersAreNow{.queue = 1, .accepted = i});
  const auto parts = fold_.Take(3'000);
  ASSERT_GT(parts.size(), 2U);
  size_t tasks = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    tasks += parts[i].tasks.size();
    EXPECT_EQ(parts[i].counters.empty(), i + 1 < parts.size());
  }
  EXPECT_EQ(tasks, 10U);
  EXPECT_EQ(parts.back().counters[0].accepted, 10U);
}

TEST_F(FoldTest, AKeyThatCameAndWentIsGone) {
  Add(KeyIsNow{{1, 2}, 3, TaskId::Of(1, 1), {9}});
  Add(KeyIsGone{{1, 2}});
  Add(KeyIsNow{{5, 6}, 3, TaskId::Of(1, 2), {9}});
  const auto parts = fold_.Take(1 << 20);
  EXPECT_THAT(parts[0].keys, SizeIs(1));
  EXPECT_THAT(parts[0].keys_gone, SizeIs(1));
}

TEST_F(FoldTest, AFrameThatCannotBeReadIsDataLoss) {
  EXPECT_EQ(fold_.Add({1, {}, "\x63"}).code(), Code::kDataLoss);
}

}  // namespace
}  // namespace treadle
