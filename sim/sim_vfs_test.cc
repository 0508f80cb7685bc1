#include "sim/sim_vfs.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "sim/sim_disk.h"
#include "sim/sim_vfs_locks.h"

namespace treadle::sim {
namespace {

class Database {
 public:
  explicit Database(const SimVfs& vfs, const char* path = "/d/file.db") {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    EXPECT_EQ(sqlite3_open_v2(path, &db_, flags, vfs.name().c_str()), SQLITE_OK);
  }
  ~Database() { EXPECT_EQ(sqlite3_close(db_), SQLITE_OK); }

  int Run(const std::string& sql) {
    answer_.clear();
    const auto note = [](void* self, int, char** values, char**) {
      static_cast<Database*>(self)->answer_ = values[0] ? values[0] : "NULL";
      return 0;
    };
    return sqlite3_exec(db_, sql.c_str(), note, this, nullptr);
  }
  // The last value of the first column.
  std::string Ask(const std::string& sql) {
    EXPECT_EQ(Run(sql), SQLITE_OK) << sqlite3_errmsg(db_);
    return answer_;
  }

 private:
  sqlite3* db_ = nullptr;
  std::string answer_;
};

class SimVfsTest : public testing::TestWithParam<const char*> {
 protected:
  SimDisk disk_{1};
  SimVfs vfs_{&disk_, "sim-vfs-test"};
};

TEST_P(SimVfsTest, OneConnectionSeesWhatAnotherCommitted) {
  Database a(vfs_);
  Database b(vfs_);
  EXPECT_EQ(a.Ask(std::string("PRAGMA journal_mode = ") + GetParam()), GetParam());
  EXPECT_EQ(a.Run("CREATE TABLE t (x); INSERT INTO t VALUES (1)"), SQLITE_OK);
  EXPECT_EQ(b.Ask("SELECT sum(x) FROM t"), "1");
  EXPECT_EQ(b.Run("INSERT INTO t VALUES (2)"), SQLITE_OK);
  EXPECT_EQ(a.Ask("SELECT sum(x) FROM t"), "3");
  EXPECT_EQ(a.Ask("PRAGMA integrity_check"), "ok");
}

TEST_P(SimVfsTest, OnlyOneConnectionWritesAtATime) {
  Database a(vfs_);
  Database b(vfs_);
  a.Run(std::string("PRAGMA journal_mode = ") + GetParam() + "; CREATE TABLE t (x)");
  ASSERT_EQ(a.Run("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)"), SQLITE_OK);
  EXPECT_EQ(b.Run("BEGIN IMMEDIATE"), SQLITE_BUSY);
  EXPECT_EQ(b.Ask("SELECT count(*) FROM t"), "0");  // readers continue
  ASSERT_EQ(a.Run("COMMIT"), SQLITE_OK);
  EXPECT_EQ(b.Run("BEGIN IMMEDIATE; ROLLBACK"), SQLITE_OK);
}

INSTANTIATE_TEST_SUITE_P(Modes, SimVfsTest, testing::Values("wal", "delete"));

TEST(SimVfs, AReaderKeepsItsSnapshotWhileAWriterCommits) {
  SimDisk disk(1);
  SimVfs vfs(&disk, "snapshot");
  Database a(vfs);
  Database b(vfs);
  a.Run("PRAGMA journal_mode = WAL; CREATE TABLE t (x)");
  EXPECT_EQ(b.Ask("BEGIN; SELECT count(*) FROM t"), "0");
  EXPECT_EQ(a.Run("INSERT INTO t VALUES (1)"), SQLITE_OK);
  EXPECT_EQ(b.Ask("SELECT count(*) FROM t"), "0");
  EXPECT_EQ(b.Ask("COMMIT; SELECT count(*) FROM t"), "1");
}

TEST(SimVfs, AFullDiskIsSqliteFull) {
  SimDisk disk(1);
  SimVfs vfs(&disk, "full");
  Database a(vfs);
  a.Run("PRAGMA journal_mode = WAL; CREATE TABLE t (x)");
  disk.SetCapacity(0);
  EXPECT_EQ(a.Run("INSERT INTO t VALUES (zeroblob(10000))"), SQLITE_FULL);
  disk.SetCapacity(UINT64_MAX);
  EXPECT_EQ(a.Run("INSERT INTO t VALUES (zeroblob(10000))"), SQLITE_OK);
}

TEST(SimVfs, NothingDependsOnChanceOrTheDate) {
  std::string first;
  for (int run = 0; run < 2; ++run) {
    SimDisk disk(1);
    SimVfs vfs(&disk, "repeatable", 42);
    vfs.set_wall({1'764'000'000'123});
    Database a(vfs);
    EXPECT_EQ(a.Ask("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')"), "2025-11-24T16:00:00.123");
    a.Run("PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    auto log = disk.Open("/d/file.db-wal", Disk::Mode::kRead);
    ASSERT_TRUE(log.ok());
    std::string bytes(static_cast<size_t>((*log)->Size().value()), '\0');
    ASSERT_TRUE((*log)->Read(0, bytes.data(), bytes.size()).ok());
    if (run == 0) first = bytes;
    EXPECT_TRUE(bytes == first);  // its header holds random salts
  }
}

TEST(SimVfsLocks, APendingWriterKeepsNewReadersOut) {
  SharedFile file;
  LockHolder writer, reader, late;
  ASSERT_EQ(file.Lock(&reader, SQLITE_LOCK_SHARED), SQLITE_OK);
  ASSERT_EQ(file.Lock(&writer, SQLITE_LOCK_SHARED), SQLITE_OK);
  ASSERT_EQ(file.Lock(&writer, SQLITE_LOCK_RESERVED), SQLITE_OK);
  EXPECT_EQ(file.Lock(&reader, SQLITE_LOCK_RESERVED), SQLITE_BUSY);
  EXPECT_EQ(file.Lock(&writer, SQLITE_LOCK_EXCLUSIVE), SQLITE_BUSY);
  EXPECT_EQ(file.Lock(&late, SQLITE_LOCK_SHARED), SQLITE_BUSY);
  file.Unlock(&reader, SQLITE_LOCK_NONE);
  EXPECT_EQ(file.Lock(&writer, SQLITE_LOCK_EXCLUSIVE), SQLITE_OK);
  file.Unlock(&writer, SQLITE_LOCK_SHARED);
  EXPECT_EQ(file.Lock(&late, SQLITE_LOCK_SHARED), SQLITE_OK);
}

TEST(SimVfsLocks, SharedMemorySlotsAreSharedOrExclusive) {
  SharedFile file;
  LockHolder a, b;
  ASSERT_NE(file.MapShm(&a, 0, 32768, true), nullptr);
  EXPECT_EQ(file.MapShm(&b, 0, 32768, false), file.MapShm(&a, 0, 32768, true));
  EXPECT_EQ(file.LockShm(&a, 0b1000, false), SQLITE_OK);
  EXPECT_EQ(file.LockShm(&b, 0b1000, false), SQLITE_OK);
  EXPECT_EQ(file.LockShm(&b, 0b1100, true), SQLITE_BUSY);
  EXPECT_EQ(file.LockShm(&b, 0b0100, true), SQLITE_OK);
  file.UnlockShm(&a, 0b1000);
  file.UnlockShm(&b, 0b1000);
  EXPECT_EQ(file.LockShm(&a, 0b1000, true), SQLITE_OK);
  EXPECT_EQ(file.LockShm(&b, 0b1000, false), SQLITE_BUSY);
  file.UnmapShm(&a);
  EXPECT_EQ(file.LockShm(&b, 0b1000, false), SQLITE_OK);
  file.UnmapShm(&b);
  EXPECT_TRUE(file.regions.empty());
}

}  // namespace
}  // namespace treadle::sim
