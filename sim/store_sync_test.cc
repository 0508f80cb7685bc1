// The store on a disk whose syncs fail, including failures that SQLite ignores on its own.

#include <gtest/gtest.h>

#include "sim/sim_disk.h"
#include "sim/sim_vfs.h"
#include "store/sqlite/sqlite_store.h"

namespace treadle::sim {
namespace {

StoreChanges ALargeTask() {
  TaskChange change;
  change.now.image.id = TaskId::Of(1, 1);
  change.now.image.queue = change.now.image.type = 1;
  auto body = std::make_shared<TaskBody>();
  body->payload.resize(size_t{5} << 20, 'x');  // larger than the log may grow
  body->payload_sha256 = Sha256Of(body->payload);
  change.now.body = body;
  change.is_new = true;
  StoreChanges changes;
  changes.tasks.push_back(change);
  return changes;
}

TEST(StoreSync, AFailedSyncWhileTheLogMovesIntoTheDatabaseIsAnErrorOfTheWrite) {
  uint64_t failed = 0;
  for (uint64_t after = 0; after < 6; ++after) {
    SimDisk disk(1);
    const SimVfs vfs(&disk, "store-sync");
    ASSERT_TRUE(disk.CreateDirectory("/d").ok());
    const auto store = *SqliteStore::Open({"/d/store.db", 1, vfs.name()});
    disk.FailNextSync(after);
    const Status written = store->Write(ALargeTask());
    EXPECT_EQ(written.ok(), disk.failed_syncs() == 0) << after << ": " << written.ToString();
    failed += disk.failed_syncs();
  }
  EXPECT_GE(failed, 3U) << "commit, log and database must each have failed once";
}

// The last sync turns the write-ahead log on. SQLite reports the log as on before it has written
// that.
TEST(StoreSync, AFailedSyncWhileAStoreIsMadeIsAnErrorOfTheOpening) {
  uint64_t failed = 0;
  for (uint64_t after = 0; after < 12; ++after) {
    SimDisk disk(1);
    const SimVfs vfs(&disk, "store-sync");
    ASSERT_TRUE(disk.CreateDirectory("/d").ok());
    disk.FailNextSync(after);
    const auto store = SqliteStore::Open({"/d/store.db", 1, vfs.name()});
    EXPECT_EQ(store.ok(), disk.failed_syncs() == 0) << after << ": " << store.status().ToString();
    failed += disk.failed_syncs();
  }
  EXPECT_GE(failed, 5U) << "one sync of the journal and one of the database at every change";
}

}  // namespace
}  // namespace treadle::sim
