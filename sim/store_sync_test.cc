// The store on a disk whose syncs fail: what SQLite by itself would pass over.

#include <gtest/gtest.h>

#include "sim/sim_disk.h"
#include "sim/sim_vfs.h"
#include "store/sqlite_store.h"

namespace treadle::sim {
namespace {

StoreChanges ALargeTask() {
  TaskChange change;
  change.now.image.id = TaskId::Of(1, 1);
  change.now.image.queue = change.now.image.type = 1;
  auto body = std::make_shared<TaskBody>();
  body->payload.resize(size_t{5} << 20, 'x');  // more than the log may grow to
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
  EXPECT_GE(failed, 3U) << "one of the commit, one of the log, one of the database";
}

// The last of them turns the write-ahead log on; SQLite says that it is on before it has written
// so.
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
  EXPECT_GE(failed, 5U) << "of the journal and of the database, each time that it changes";
}

}  // namespace
}  // namespace treadle::sim
