// Many tasks in one write, whatever the size of the store's internal batches.
#include "tests/conformance/store_conformance.h"

namespace treadle {
namespace {

TaskRecord Numbered(uint64_t sequence, TaskState state, uint32_t attempt) {
  TaskRecord task = MakeTask(sequence, state);
  task.image.attempt = attempt;
  return task;
}

// Tasks from..to. Every third has ended.
std::vector<TaskRecord> Tasks(uint64_t from, uint64_t to, uint32_t attempt) {
  std::vector<TaskRecord> tasks;
  for (uint64_t i = from; i <= to; ++i) {
    const TaskState state = i % 3 == 0   ? TaskState::kDead
                            : i % 3 == 1 ? TaskState::kReady
                                         : TaskState::kRetrying;
    tasks.push_back(Numbered(i, state, attempt));
  }
  return tasks;
}

std::vector<TaskPlace> Places(const std::vector<TaskRecord>& tasks) {
  std::vector<TaskPlace> places;
  places.reserve(tasks.size());
  for (const TaskRecord& task : tasks) places.push_back(TaskPlace::Of(task.image));
  return places;
}

// `found`: all tasks of a store, loaded by their places.
void ExpectAll(const std::vector<TaskRecord>& found, const std::vector<TaskRecord>& tasks) {
  std::map<TaskId, TaskRecord> by_id;
  for (const TaskRecord& task : found) by_id[task.image.id] = task;
  ASSERT_EQ(by_id.size(), tasks.size());
  for (const TaskRecord& task : tasks) {
    SCOPED_TRACE(task.image.id.ToString());
    ExpectSame(by_id[task.image.id], task);
  }
}

TEST_P(StoreConformance, EveryTaskOfALargeWriteIsStoredUnchanged) {
  uint64_t last = 0;
  std::vector<TaskRecord> all;
  for (const uint64_t count : {1U, 47U, 48U, 49U, 100U, 200U}) {
    const std::vector<TaskRecord> tasks = Tasks(last + 1, last + count, 2);
    Write(AllNew(tasks));
    all.insert(all.end(), tasks.begin(), tasks.end());
    last += count;
  }
  ExpectAll(Load(Places(all)), all);
  EXPECT_EQ(ReadAll().live.size() + ReadAll().ended.size(), all.size());
  EXPECT_EQ(home_->Inconsistency(), "");
}

TEST_P(StoreConformance, LeftoversOfAnInterruptedCheckpointAreReplacedAmongNewRows) {
  Write(AllNew(Tasks(20, 30, 3)));
  Write(AllNew(Tasks(70, 70, 3)));
  const std::vector<TaskRecord> tasks = Tasks(1, 100, 2);
  Write(AllNew(tasks));
  ExpectAll(Load(Places(tasks)), tasks);
  EXPECT_EQ(home_->Inconsistency(), "");
}

TEST_P(StoreConformance, ADamagedRowIsIntactAfterItIsRewritten) {
  const std::vector<TaskRecord> tasks = Tasks(1, 60, 2);
  Write(AllNew(tasks));
  store_.reset();
  home_->DamagePayload(TaskId::Of(1, 7));
  home_->DamagePayload(TaskId::Of(1, 9));
  Reopen();
  Write(AllNew(tasks));
  ExpectAll(Load(Places(tasks)), tasks);
  EXPECT_EQ(home_->Inconsistency(), "");
}

TEST_P(StoreConformance, OneWriteStoresNewTasksAndTasksThatMayExist) {
  Write(AllNew(Tasks(10, 40, 1)));
  const std::vector<TaskRecord> tasks = Tasks(1, 90, 2);
  std::vector<TaskChange> changes = AllNew(tasks);
  for (TaskChange& change : changes) {
    const uint64_t sequence = change.now.image.id.sequence();
    change.is_new = sequence < 10 || sequence > 40;
  }
  Write(changes);
  ExpectAll(Load(Places(tasks)), tasks);
  EXPECT_EQ(home_->Inconsistency(), "");
}

TEST_P(StoreConformance, RowsHeldBackByAFailedWriteAreDropped) {
  if (!home_->SetDiskFull(true)) GTEST_SKIP() << "this home's disk cannot be filled";
  StoreChanges changes;
  changes.tasks = AllNew(Tasks(1, 21, 1));
  changes.meta = StoreMeta{.applied = 5};
  EXPECT_EQ(store_->Write(changes).code(), Code::kResourceExhausted);
  home_->SetDiskFull(false);
  const std::vector<TaskRecord> tasks = Tasks(50, 52, 1);
  Write(AllNew(tasks));
  ExpectAll(Load(Places(tasks)), tasks);
  EXPECT_EQ(ReadAll().live.size() + ReadAll().ended.size(), tasks.size());
}

}  // namespace
}  // namespace treadle
