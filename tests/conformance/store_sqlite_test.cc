// SqliteStore under the suite: on the file system of this machine, and on a simulated disk.
#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "sim/sim_disk.h"
#include "sim/sim_vfs.h"
#include "store/sqlite_store.h"
#include "tests/conformance/store_conformance.h"

namespace treadle {
namespace {

constexpr uint64_t kIdentity = 0x7ead1e;

// Between the rows of tasks and the table `found`.
std::string InconsistencyOf(Connection* db) {
  const Status index = db->Execute("INSERT INTO found (found) VALUES ('integrity-check')");
  if (!index.ok()) return index.ToString();
  Statement statement(
      db,
      "WITH task AS (SELECT id, queue, type, rank, flags, tags, idempotency_key AS key, error_code"
      "                FROM live UNION ALL"
      "              SELECT id, queue, type, rank, flags, tags, idempotency_key, error_code"
      "                FROM done)"
      "SELECT 'a task is not found', id FROM task WHERE coalesce(tags, key, error_code) IS NOT NULL"
      "   AND id NOT IN (SELECT rowid FROM found) UNION ALL "
      "SELECT 'a task that has nothing is found', id FROM task"
      " WHERE coalesce(tags, key, error_code) IS NULL AND flags & 8 = 0"
      "   AND id IN (SELECT rowid FROM found) UNION ALL "
      "SELECT 'what is found is not there', rowid FROM found"
      " WHERE (rowid, queue, type, lane_rank) NOT IN (SELECT id, queue, type, rank FROM task)");
  Rows rows = statement.Query();
  if (rows.Next()) return rows.String(0) + ": " + TaskId{rows.As<uint64_t>(1)}.ToString();
  return rows.status().ok() ? "" : rows.status().ToString();
}

// A name that no other test of this process uses, nor of another one that runs now.
std::string FreshName() {
  static std::atomic<int> next = 0;
  return "store-test-" + std::to_string(getpid()) + "-" + std::to_string(++next);
}

class SqliteHome : public StoreHome {
 public:
  SqliteHome(std::string path, std::string vfs) : path_(std::move(path)), vfs_(std::move(vfs)) {}

  Result<std::unique_ptr<Store>> Open() override {
    TREADLE_ASSIGN_OR_RETURN(auto store, SqliteStore::Open({path_, kIdentity, vfs_}));
    return std::unique_ptr<Store>(std::move(store));
  }
  bool SetDiskFull(bool /*full*/) override { return false; }
  void DamagePayload(TaskId id) override {
    for (const char* table : {"live", "done"}) Zero(table, "payload", id);
  }
  void DamageResult(TaskId id) override { Zero("done", "result", id); }
  std::string Inconsistency() override {
    const auto db = *Connection::Open(path_, vfs_);
    return InconsistencyOf(db.get());
  }

 private:
  void Zero(const std::string& table, const std::string& column, TaskId id) {
    sqlite3* db = nullptr;
    const char* vfs = vfs_.empty() ? nullptr : vfs_.c_str();
    ASSERT_EQ(sqlite3_open_v2(path_.c_str(), &db, SQLITE_OPEN_READWRITE, vfs), SQLITE_OK);
    const std::string sql = "UPDATE " + table + " SET " + column + " = zeroblob(length(" + column +
                            ")) WHERE id = " + std::to_string(id.packed);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    EXPECT_EQ(sqlite3_close(db), SQLITE_OK);
  }

  std::string path_;
  std::string vfs_;
};

class TempDirectory {
 public:
  TempDirectory() : path_(std::filesystem::temp_directory_path() / FreshName()) {
    std::filesystem::create_directories(path_);
  }
  ~TempDirectory() { std::filesystem::remove_all(path_); }
  std::string operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

class OnThisMachine final : private TempDirectory, public SqliteHome {
 public:
  OnThisMachine() : SqliteHome(*this / "store.db", "") {}
};

// Made before the base that uses them.
struct SimParts {
  sim::SimDisk disk{1};
  sim::SimVfs vfs{&disk, FreshName()};
};
class OnSimDisk final : private SimParts, public SqliteHome {
 public:
  OnSimDisk() : SqliteHome("/data/store.db", vfs.name()) {}
  bool SetDiskFull(bool full) override {
    disk.SetCapacity(full ? 0 : UINT64_MAX);
    return true;
  }
};

template <class Home>
std::unique_ptr<StoreHome> Make() {
  return std::make_unique<Home>();
}

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance,
                         testing::Values(StoreKind{"on_this_machine", Make<OnThisMachine>},
                                         StoreKind{"on_sim_disk", Make<OnSimDisk>}),
                         KindName);

}  // namespace
}  // namespace treadle
