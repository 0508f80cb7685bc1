// What the store keeps about attempts: histories, steps, checkpoints and logs.
#include "model/limits.h"
#include "tests/conformance/store_conformance.h"

namespace treadle {
namespace {

AttemptRecord Ended(uint32_t attempt, std::shared_ptr<const TaskError> error = nullptr) {
  return {.attempt = attempt,
          .outcome = error ? AttemptOutcome::kFailed : AttemptOutcome::kSnoozed,
          .worker = "worker-1",
          .build = attempt % 2 ? "v1" : "",
          .started_at = {1'764'000'000'000},
          .ended_at = {1'764'000'000'500},
          .wait_ms = 700,
          .error = std::move(error)};
}

std::shared_ptr<TrailChange> SomeTrail() {
  auto trail = std::make_shared<TrailChange>();
  trail->ended = {Ended(1, MakeError("exit_1")), Ended(2)};
  trail->log = {{1, 0, "one\n"}, {1, 4, "two\n"}, {2, 0, "other\n"}};
  trail->saved.steps = {{"charge", {"{}", ""}}, {"raw", {std::string("\0\xff", 2), "image/png"}}};
  trail->saved.checkpoint = SavedBytes{"[1]", ""};
  return trail;
}

TaskChange WithTrail(TaskChange change, std::shared_ptr<TrailChange> trail = SomeTrail()) {
  change.trail = std::move(trail);
  return change;
}

bool HasNoTrail(Store* store, uint64_t task) {
  const TaskId id = TaskId::Of(1, task);
  const Result<TaskHistory> history = store->History(id);
  return history->attempts.empty() && history->saved.empty() && store->Log(id, 1)->empty();
}

TEST_P(StoreConformance, ATrailIsReadBackWholeAndLaterPartsReplaceEarlierOnes) {
  Write({WithTrail(NewChange(MakeTask(1, TaskState::kRetrying)))});
  auto more = std::make_shared<TrailChange>();
  more->ended = {Ended(2), Ended(3)};
  more->log = {{2, 0, "other\n"}};
  more->saved.steps["charge"] = {"2", ""};
  Write({WithTrail(ChangeKeepingBody(MakeTask(1, TaskState::kReady)), more)});
  Reopen();
  const TaskId id = TaskId::Of(1, 1);
  const TaskHistory history = *store_->History(id);
  EXPECT_EQ(history.attempts, (std::vector{Ended(1, MakeError("exit_1")), Ended(2), Ended(3)}));
  TaskSaved saved = SomeTrail()->saved;
  saved.steps["charge"] = {"2", ""};
  EXPECT_EQ(history.saved, saved);
  EXPECT_EQ(*store_->Log(id, 1), "one\ntwo\n");
  EXPECT_EQ(*store_->Log(id, 2), "other\n");
  EXPECT_EQ(*store_->Log(id, 3), "");
}

// A task whose terms say that its attempts saved something.
TaskRecord ThatSaved(TaskRecord task) {
  auto terms = std::make_shared<TaskTerms>(*task.terms);
  terms->has_saved = true;
  terms->saved_bytes = 70'000;
  task.terms = std::move(terms);
  return task;
}

TEST_P(StoreConformance, SavedPartsAreLoadedWithTheirTask) {
  Write({WithTrail(NewChange(ThatSaved(MakeTask(1, TaskState::kRunning)))),
         WithTrail(NewChange(ThatSaved(MakeTask(2, TaskState::kDead))))});
  for (const TaskPlace& place :
       {TaskPlace::Of(MakeTask(1, TaskState::kRunning).image), TaskPlace{TaskId::Of(1, 2)}}) {
    const TaskRecord task = LoadOne(place);
    ASSERT_NE(task.saved, nullptr);
    EXPECT_EQ(*task.saved, SomeTrail()->saved);
  }
}

TEST_P(StoreConformance, ATaskWhoseSavedPartsAreMissingHasNoBody) {
  Write({NewChange(ThatSaved(MakeTask(1, TaskState::kRunning)))});
  EXPECT_EQ(LoadOne(TaskPlace::Of(MakeTask(1, TaskState::kRunning).image)).body, nullptr);
}

TEST_P(StoreConformance, AMovedOrRedrivenTaskKeepsItsTrail) {
  Write({WithTrail(NewChange(MakeTask(1, TaskState::kDead)))});
  Write({ChangeKeepingBody(MakeTask(1, TaskState::kRetrying))});
  EXPECT_FALSE(HasNoTrail(store_.get(), 1));
  TaskChange moved = Change(MakeTask(1, TaskState::kRetrying));
  moved.left = {TaskPlace::Of(moved.now.image)};
  moved.now.image.queue = 2;
  Write({moved});
  EXPECT_FALSE(HasNoTrail(store_.get(), 1));
}

TEST_P(StoreConformance, RetentionAndDeletionRemoveTheTrail) {
  Write({WithTrail(NewChange(MakeTask(1, TaskState::kDead))),
         WithTrail(NewChange(MakeTask(2, TaskState::kDead))),
         WithTrail(NewChange(MakeTask(3, TaskState::kRetrying)))});
  StoreChanges changes;
  CountersAreNow counters{.queue = 1};
  counters.of(TaskState::kDead) = {3, 2};
  changes.counters.push_back(counters);
  Write(changes);
  EXPECT_TRUE(HasNoTrail(store_.get(), 1));
  EXPECT_FALSE(HasNoTrail(store_.get(), 2));
  for (const auto& [n, state] : {std::pair(2, TaskState::kDead), {3, TaskState::kRetrying}}) {
    TaskChange gone = ChangeKeepingBody(MakeTask(static_cast<uint64_t>(n), state));
    gone.is_gone = true;
    Write({gone});
    EXPECT_TRUE(HasNoTrail(store_.get(), static_cast<uint64_t>(n)));
  }
}

TEST_P(StoreConformance, TasksRemovedTogetherTakeOnlyTheirOwnTrails) {
  std::vector<TaskChange> tasks;
  for (uint64_t i = 1; i <= 8; ++i) {
    tasks.push_back(NewChange(MakeTask(i, TaskState::kRetrying)));
    if (i != 3) tasks.back() = WithTrail(tasks.back());
  }
  Write(tasks);
  // The store must not need more than their places.
  std::vector<TaskChange> gone;
  for (const uint64_t i : {2U, 3U, 4U, 6U}) {
    gone.push_back(ChangeKeepingBody(MakeTask(i, TaskState::kReady)));
    gone.back().is_gone = true;
  }
  Write(gone);
  for (const uint64_t i : {1U, 5U, 7U, 8U}) EXPECT_FALSE(HasNoTrail(store_.get(), i)) << i;
  for (const uint64_t i : {2U, 3U, 4U, 6U}) EXPECT_TRUE(HasNoTrail(store_.get(), i)) << i;
}

TEST_P(StoreConformance, ACompletedTaskKeepsItsHistoryAndNothingForLaterAttempts) {
  Write({WithTrail(NewChange(MakeTask(1, TaskState::kRunning)))});
  Write({ChangeKeepingBody(MakeTask(1, TaskState::kCompleted))});
  Write({WithTrail(NewChange(MakeTask(2, TaskState::kCompleted)))});
  for (const uint64_t n : {1U, 2U}) {
    const TaskHistory history = *store_->History(TaskId::Of(1, n));
    EXPECT_EQ(history.attempts.size(), 2U);
    EXPECT_TRUE(history.saved.empty());
  }
}

TEST_P(StoreConformance, TheTrailOfAMissingTaskIsNotWritten) {
  Write({WithTrail(ChangeKeepingBody(MakeTask(1, TaskState::kRetrying))),
         WithTrail(ChangeKeepingBody(MakeTask(2, TaskState::kCompleted)))});
  EXPECT_TRUE(HasNoTrail(store_.get(), 1) && HasNoTrail(store_.get(), 2));
}

TEST_P(StoreConformance, TheNewestAttemptsAndLogsAreKept) {
  auto trail = std::make_shared<TrailChange>();
  const auto last = limits::kAttemptsKept + 5;
  for (uint32_t attempt = 1; attempt <= last; ++attempt) {
    trail->ended.push_back(Ended(attempt));
    trail->log.push_back({attempt, 0, "x\n"});
  }
  Write({WithTrail(NewChange(MakeTask(1, TaskState::kRetrying)), trail)});
  const TaskId id = TaskId::Of(1, 1);
  const TaskHistory history = *store_->History(id);
  ASSERT_EQ(history.attempts.size(), limits::kAttemptsKept);
  EXPECT_EQ(history.attempts.front().attempt, 6U);
  EXPECT_EQ(*store_->Log(id, last - limits::kLogsKept), "");
  EXPECT_EQ(*store_->Log(id, last - limits::kLogsKept + 1), "x\n");
}

}  // namespace
}  // namespace treadle
