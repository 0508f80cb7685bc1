// Tasks removed in one write: all of them, wherever they are, and no others.
#include <algorithm>
#include <random>
#include <set>

#include "tests/conformance/store_conformance.h"

namespace treadle {
namespace {

TaskChange Gone(TaskRecord task) {
  TaskChange change = ChangeKeepingBody(std::move(task));
  change.is_gone = true;
  return change;
}

// In queue 1 or 2.
TaskRecord InLane(uint64_t sequence, TaskState state, uint64_t queue, bool is_urgent = false) {
  TaskRecord task = MakeTask(sequence, state);
  task.image.queue = queue == 1 ? 1 : 2;
  task.image.priority = is_urgent ? 6 : 5;
  return task;
}

std::vector<TaskChange> ReadyTasks(uint64_t from, uint64_t to) {
  std::vector<TaskChange> changes;
  for (uint64_t i = from; i <= to; ++i)
    changes.push_back(NewChange(MakeTask(i, TaskState::kReady)));
  return changes;
}

std::set<uint64_t> Sequences(const StoreContents& contents) {
  std::set<uint64_t> left;
  for (const TaskRecord& task : contents.live) left.insert(task.image.id.sequence());
  for (const TaskImage& image : contents.ended) left.insert(image.id.sequence());
  return left;
}

TEST_P(StoreConformance, RemovingTasksKeepsTheirNeighbors) {
  Write(ReadyTasks(1, 12));
  std::vector<TaskChange> gone;
  for (const uint64_t i : {2U, 3U, 4U, 6U, 8U, 9U, 11U})
    gone.push_back(Gone(MakeTask(i, TaskState::kCompleted)));
  Write(gone);
  EXPECT_EQ(Sequences(ReadAll()), (std::set<uint64_t>{1, 5, 7, 10, 12}));
}

TEST_P(StoreConformance, RemovingOneLaneKeepsOtherLanesInTheSameIdRange) {
  std::vector<TaskChange> tasks;
  std::vector<TaskChange> gone;
  for (uint64_t i = 1; i <= 12; ++i) {
    const TaskRecord task = InLane(i, i < 7 ? TaskState::kReady : TaskState::kDead, 1 + (i & 1));
    tasks.push_back(NewChange(task));
    if (i % 2 == 0) gone.push_back(Gone(task));
  }
  Write(tasks);
  Write(gone);
  EXPECT_EQ(Sequences(ReadAll()), (std::set<uint64_t>{1, 3, 5, 7, 9, 11}));
}

TEST_P(StoreConformance, TasksAreRemovedWhereverTheyAre) {
  TaskRecord moved = InLane(3, TaskState::kReady, 2);
  Write({NewChange(MakeTask(1, TaskState::kReady)), NewChange(MakeTask(2, TaskState::kDead)),
         NewChange(moved), NewChange(MakeTask(4, TaskState::kRunning)),
         NewChange(MakeTask(5, TaskState::kDead)), NewChange(MakeTask(6, TaskState::kReady))});
  TaskChange from_where_it_was = Gone(MakeTask(3, TaskState::kCompleted));
  from_where_it_was.left = {TaskPlace::Of(moved.image), TaskPlace::Of(moved.image)};
  // The second was since redriven and completed, the fifth was redriven and removed by an operator.
  Write({Gone(MakeTask(5, TaskState::kReady)), Gone(MakeTask(4, TaskState::kCancelled)),
         from_where_it_was, Gone(MakeTask(2, TaskState::kCompleted)),
         Gone(MakeTask(1, TaskState::kCompleted)), Gone(MakeTask(7, TaskState::kCompleted))});
  EXPECT_EQ(Sequences(ReadAll()), (std::set<uint64_t>{6}));
}

TEST_P(StoreConformance, OneWriteCanRemoveAndWriteTasks) {
  Write(ReadyTasks(1, 6));
  std::vector<TaskChange> changes = ReadyTasks(7, 9);
  for (uint64_t i = 1; i <= 6; ++i) {
    const TaskRecord completed = MakeTask(i, TaskState::kCompleted);
    changes.push_back(i % 2 ? Gone(completed) : ChangeKeepingBody(completed));
  }
  TaskChange never_there = Gone(MakeTask(10, TaskState::kCompleted));
  never_there.is_new = true;
  changes.push_back(never_there);
  Write(changes);
  const StoreContents contents = ReadAll();
  EXPECT_EQ(Sequences(contents), (std::set<uint64_t>{2, 4, 6, 7, 8, 9}));
  EXPECT_EQ(contents.live.size(), 3U);
}

TEST_P(StoreConformance, RemovedTasksLeaveTheSearchIndex) {
  WriteNames();
  Write(ReadyTasks(1, 5));
  Write({Gone(MakeTask(2, TaskState::kCompleted)), Gone(MakeTask(3, TaskState::kCompleted))});
  EXPECT_EQ(store_->List({.tag = "a tag"})->tasks.size(), 3U);
  EXPECT_EQ(home_->Inconsistency(), "");
}

TEST_P(StoreConformance, RemovingAnySetOfTasksKeepsTheOthers) {
  std::mt19937_64 random(1);
  constexpr TaskState kStates[] = {TaskState::kReady, TaskState::kRunning, TaskState::kCompleted,
                                   TaskState::kDead};
  for (int round = 0; round < 20; ++round) {
    std::vector<TaskChange> tasks;
    std::vector<TaskChange> gone;
    std::set<uint64_t> left;
    for (uint64_t i = 1; i <= 60; ++i) {
      const TaskRecord task = InLane(i, kStates[random() % 4], 1 + random() % 2, random() % 2 == 0);
      tasks.push_back(NewChange(task));
      if (random() % 4 == 0)
        left.insert(i);
      else
        gone.push_back(Gone(task));
    }
    std::shuffle(gone.begin(), gone.end(), random);
    Write(tasks);
    Write(gone);
    EXPECT_EQ(Sequences(ReadAll()), left);
    for (TaskChange& task : tasks) task = Gone(task.now);
    Write(tasks);
    EXPECT_EQ(Sequences(ReadAll()), std::set<uint64_t>());
  }
  EXPECT_EQ(home_->Inconsistency(), "");
}

}  // namespace
}  // namespace treadle
