// SqliteStore on a disk that dies at every kind of operation. Everything that Write() reported as
// durable must be there afterwards, complete, and no transaction may be there in part.
#include "sim/sim_disk.h"
#include "sim/sim_vfs.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/conformance/store_conformance.h"

namespace treadle {
namespace {

constexpr uint64_t kCrashTasks = 40;

// Transaction `n` sets the term of every task to n. IDs vary so that pages all over the file
// change.
StoreChanges Transaction(uint64_t n) {
  StoreChanges changes;
  for (uint64_t i = 1; i <= kCrashTasks; ++i) {
    const TaskState state = kTaskStates[Mix64(n * kCrashTasks + i) % std::size(kTaskStates)];
    TaskChange change = i % 3 ? Change(MakeTask(i, state)) : ChangeKeepingBody(MakeTask(i, state));
    if (n == 1) change = NewChange(MakeTask(i, state));
    change.now.image.term = static_cast<uint32_t>(n);
    change.now.image.priority = static_cast<uint8_t>(i % 2);
    changes.tasks.push_back(std::move(change));
  }
  changes.meta = StoreMeta{.applied = n};
  return changes;
}

class StoreAfterCrashes : public testing::TestWithParam<uint64_t> {
 protected:
  // Opens the store and writes transactions until the machine dies. True if it died.
  bool RunUntilCrash(uint64_t transactions) {
    ++runs_;
    sim::SimVfs vfs(&disk_, "crash-" + std::to_string(GetParam()) + "-" + std::to_string(runs_),
                    runs_);
    auto store = SqliteStore::Open({"/data/store.db", 1, vfs.name()});
    EXPECT_TRUE(store.ok() || disk_.dead()) << store.status().ToString();
    if (!store.ok()) return true;
    Check(store->get());
    for (uint64_t i = 0; i < transactions && !disk_.dead(); ++i) {
      const Status status = (*store)->Write(Transaction(present_ + 1));
      EXPECT_TRUE(status.ok() || disk_.dead()) << status.ToString();
      if (status.ok()) acknowledged_ = ++present_;
    }
    return disk_.dead();
  }

  void Check(Store* store) {
    const Result<StoreMeta> meta = store->ReadMeta();
    EXPECT_TRUE(meta.ok() || disk_.dead()) << meta.status().ToString();
    if (!meta.ok()) return;
    EXPECT_GE(meta->applied, acknowledged_);
    EXPECT_LE(meta->applied, acknowledged_ + 1);  // one was in progress
    present_ = acknowledged_ = meta->applied;
    StoreContents contents;
    const Status read = store->ReadAll(CollectInto(&contents));
    EXPECT_TRUE(read.ok() || disk_.dead()) << read.ToString();
    if (!read.ok()) return;
    EXPECT_EQ(contents.live.size() + contents.ended.size(), present_ == 0 ? 0 : kCrashTasks);
    std::vector<TaskPlace> places;
    for (const TaskRecord& task : contents.live) places.push_back(TaskPlace::Of(task.image));
    for (const TaskImage& image : contents.ended) places.push_back({image.id});
    const Result<std::vector<TaskRecord>> loaded = store->Load(places);
    EXPECT_TRUE(loaded.ok() || disk_.dead()) << loaded.status().ToString();
    if (!loaded.ok()) return;
    EXPECT_EQ(loaded->size(), places.size());
    for (const TaskRecord& task : *loaded) {
      EXPECT_EQ(task.image.term, present_);
      EXPECT_NE(task.body, nullptr);
    }
    const Result<TaskPage> found = store->List({.tag = "a tag", .limit = 1000});
    EXPECT_TRUE(found.ok() || disk_.dead()) << found.status().ToString();
    EXPECT_TRUE(!found.ok() || found->tasks.size() == places.size());
  }

  sim::SimDisk disk_{GetParam()};
  SeededRandom random_{GetParam()};
  uint64_t runs_ = 0;
  uint64_t present_ = 0;
  uint64_t acknowledged_ = 0;
};

TEST_P(StoreAfterCrashes, HoldsEverythingAcknowledgedAndNoPartialTransaction) {
  for (int crash = 0; crash < 25 && !HasFailure(); ++crash) {
    SCOPED_TRACE(testing::Message() << "crash " << crash);
    disk_.CrashAt(1 + random_.Below(crash % 3 == 0 ? 25 : 400));
    EXPECT_TRUE(RunUntilCrash(200));
    disk_.Restart();
  }
  RunUntilCrash(3);
  EXPECT_GT(present_, 3u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, StoreAfterCrashes, testing::Range<uint64_t>(1, 13));

TEST(StoreCreation, DyingAtAnyOperationOfTheFirstOpeningLeavesAFileThatOpens) {
  for (uint64_t n = 1;; ++n) {
    SCOPED_TRACE(n);
    sim::SimDisk disk(n);
    disk.CrashAt(n);
    bool opened = false;
    {
      sim::SimVfs vfs(&disk, "creation-" + std::to_string(n));
      opened = SqliteStore::Open({"/data/store.db", 1, vfs.name()}).ok();
    }
    const bool crashed = disk.dead();
    disk.Restart();
    sim::SimVfs vfs(&disk, "creation-again-" + std::to_string(n));
    const auto again = SqliteStore::Open({"/data/store.db", 1, vfs.name()});
    ASSERT_TRUE(again.ok()) << again.status().ToString();
    if (opened && !crashed) break;
  }
}

TEST(StoreSync, AFailedSyncFailsTheWrite) {
  sim::SimDisk disk(1);
  sim::SimVfs vfs(&disk, "failed-sync");
  const auto store = SqliteStore::Open({"/data/store.db", 1, vfs.name()});
  ASSERT_TRUE(store.ok());
  disk.FailNextSync();
  EXPECT_EQ((*store)->Write(Transaction(1)).code(), Code::kUnavailable);
}

}  // namespace
}  // namespace treadle
