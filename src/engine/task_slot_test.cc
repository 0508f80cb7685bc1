#include "engine/task_slot.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

TaskImage Waiting(TaskState state) {
  return {.id = TaskId::Of(7, 42),
          .queue = 3,
          .type = UINT32_MAX,
          .state = state,
          .priority = 9,
          .has_terms = true,
          .max_attempts = UINT16_MAX,
          .when_ms = -5,
          .enqueued_at = {1'764'000'000'000}};
}

TaskImage Begun(TaskState state) {
  TaskImage image = Waiting(state);
  image.reported = image.cancel_requested = image.has_trail = true;
  image.worker_losses = UINT16_MAX;
  image.unspent = 6;
  image.attempt = 7;
  image.term = 8;
  image.exchange = UINT32_MAX;
  image.started_at = {1'764'000'000'001};
  return image;
}

TaskImage Ended(TaskImage image) {
  image.ordinal = uint64_t{1} << 60;
  image.finished_at = {1'764'000'000'002};
  return image;
}

TEST(TaskSlot, GivesBackTheImageOfATaskInEveryState) {
  Pool<ImageRest> rests;
  for (const TaskState state : kTaskStates) {
    for (const TaskImage& image : {Waiting(state), Begun(state), Ended(Begun(state))}) {
      TaskSlot slot;
      slot.SetImage(image, &rests);
      EXPECT_EQ(slot.image(), image);
      EXPECT_EQ(slot.token(), image.token());
      EXPECT_EQ(slot.spent(), image.spent());
      EXPECT_EQ(slot.exchange(), image.exchange);
    }
  }
}

TEST(TaskSlot, OnlyATaskThatBeganOrEndedHasARest) {
  Pool<ImageRest> rests;
  TaskSlot slot;
  slot.SetImage(Waiting(TaskState::kScheduled), &rests);
  slot.SetImage(Waiting(TaskState::kReady), &rests);
  EXPECT_EQ(rests.size(), 0U);
  slot.SetImage(Begun(TaskState::kRunning), &rests);
  slot.SetImage(Begun(TaskState::kRetrying), &rests);
  slot.SetImage(Begun(TaskState::kReady), &rests);
  EXPECT_EQ(rests.size(), 1U);
  slot.DropRest(&rests);
  EXPECT_EQ(rests.size(), 0U);

  TaskSlot cancelled;
  cancelled.SetImage(Ended(Waiting(TaskState::kCancelled)), &rests);
  EXPECT_EQ(rests.size(), 1U);
  cancelled.SetImage(Waiting(TaskState::kReady), &rests);
  EXPECT_EQ(cancelled.image(), Waiting(TaskState::kReady)) << "it was redriven";
}

}  // namespace
}  // namespace treadle
