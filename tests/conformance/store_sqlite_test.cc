// Runs the suite on SqliteStore: on this machine's file system and on a simulated disk.
#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>

#include "sim/sim_disk.h"
#include "sim/sim_vfs.h"
#include "store/sqlite/lane_place.h"
#include "store/sqlite/row.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/conformance/store_conformance.h"

namespace treadle {
namespace {

constexpr uint64_t kIdentity = 0x7ead1e;

// Compares the rows of tasks with the table `found`.
std::string InconsistencyOf(Connection* db) {
  const Status index = db->Execute("INSERT INTO found (found) VALUES ('integrity-check')");
  if (!index.ok()) return index.ToString();
  std::map<TaskId, LaneKey> found;
  {
    Statement statement(db, "SELECT rowid, queue, type, lane_rank FROM found");
    Rows rows = statement.Query();
    while (rows.Next())
      found[{rows.As<uint64_t>(0)}] = {rows.As<QueueId>(1), rows.As<TypeId>(2),
                                       rows.As<uint8_t>(3)};
  }
  for (const TaskTable table : {TaskTable::kLive, TaskTable::kDone}) {
    Statement statement(
        db, "SELECT " + RowColumns(table, Parts::kView) + " FROM " + std::string(NameOf(table)));
    Rows rows = statement.Query();
    while (rows.Next()) {
      TaskRow task;
      if (const Status read = ReadRow(rows, table, &task); !read.ok()) return read.ToString();
      const auto entry = found.find(task.image.id);
      const bool is_found = entry != found.end();
      const bool has_any = !task.tags.empty() || !task.idempotency_key.empty() || task.error;
      const std::string id = ": " + task.image.id.ToString();
      if (has_any && !is_found) return "a task is missing from the index" + id;
      if (!has_any && !task.searched && is_found)
        return "a task without searchable contents is in the index" + id;
      if (!is_found) continue;
      if (entry->second != LaneKey::Of(task.image)) return "it has a wrong place in the index" + id;
      found.erase(entry);
    }
    if (!rows.status().ok()) return rows.status().ToString();
  }
  return found.empty()
             ? ""
             : "the index has a task that does not exist: " + found.begin()->first.ToString();
}

// A name that no other test uses, in this process or in one that runs at the same time.
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
    const std::string sequence = " & " + std::to_string(TaskId::kMaxSequence);
    Zero("live", "payload", "place" + sequence + " = " + std::to_string(id.sequence()));
    Zero("done", "payload", "id = " + std::to_string(id.packed));
  }
  void DamageResult(TaskId id) override {
    Zero("done", "result", "id = " + std::to_string(id.packed));
  }
  std::string Inconsistency() override {
    const auto db = *Connection::Open(path_, vfs_);
    return InconsistencyOf(db.get());
  }

 private:
  void Zero(const std::string& table, const std::string& column, const std::string& where) {
    sqlite3* db = nullptr;
    const char* vfs = vfs_.empty() ? nullptr : vfs_.c_str();
    ASSERT_EQ(sqlite3_open_v2(path_.c_str(), &db, SQLITE_OPEN_READWRITE, vfs), SQLITE_OK);
    const std::string sql =
        "UPDATE " + table + " SET " + column + " = zeroblob(length(" + column + ")) WHERE " + where;
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

class StoreOnThisMachine final : private TempDirectory, public SqliteHome {
 public:
  StoreOnThisMachine() : SqliteHome(*this / "store.db", "") {}
};

// A base class, so that it is built before the base that uses it.
struct SimParts {
  sim::SimDisk disk{1};
  sim::SimVfs vfs{&disk, FreshName()};
};
class StoreOnSimDisk final : private SimParts, public SqliteHome {
 public:
  StoreOnSimDisk() : SqliteHome("/data/store.db", vfs.name()) {}
  bool SetDiskFull(bool full) override {
    disk.SetCapacity(full ? 0 : UINT64_MAX);
    return true;
  }
};

template <class Home>
std::unique_ptr<StoreHome> MakeStoreHome() {
  return std::make_unique<Home>();
}

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance,
                         testing::Values(StoreKind{"on_this_machine",
                                                   MakeStoreHome<StoreOnThisMachine>},
                                         StoreKind{"on_sim_disk", MakeStoreHome<StoreOnSimDisk>}),
                         KindName);

}  // namespace
}  // namespace treadle
