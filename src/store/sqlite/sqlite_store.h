// SqliteStore: the store of a single node, one SQLite file. Format: docs/formats/store.md.
//
// Thread rule: Write() on one thread at a time; all else on any, one after the other behind a
// mutex, on a connection of its own. Neither waits for the other (write-ahead log).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/regular_file.h"
#include "base/thread_annotations.h"
#include "store/sqlite/lister.h"
#include "store/sqlite/loader.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite.h"
#include "store/sqlite/writer.h"
#include "store/store.h"

namespace treadle {

struct SqliteStoreOptions {
  std::string path;
  uint64_t identity = 0;  // of the journal that the store belongs to; written at creation
  std::string vfs;        // a registered sqlite3_vfs; empty: SQLite's own
  StoreShape shape;
};

/// The `meta` table of a store. Keys that are not there keep their defaults.
Result<StoreMeta> ReadMetaOf(Connection* db);

class SqliteStore final : public Store {
 public:
  /// Opens the file, or makes a new one; its directory must exist. FAILED_PRECONDITION, and the
  /// file is as it was: it is not a Treadle store, belongs to a journal of another identity, or was
  /// written by a newer Treadle.
  static Result<std::unique_ptr<SqliteStore>> Open(const SqliteStoreOptions& options);

  Result<StoreMeta> ReadMeta() override;
  Status ReadAll(const Visitor& visit) override;
  Status Write(const StoreChanges& changes) override;
  Result<std::vector<TaskRecord>> Load(const std::vector<TaskPlace>& places) override;
  Result<TaskPage> List(const TaskQuery& query) override;
  Result<TaskHistory> History(TaskId task) override;
  Result<std::string> Log(TaskId task, uint32_t attempt) override;
  Result<uint64_t> ReusableBytes() override;
  Result<std::unique_ptr<StoreCopy>> BeginCopy(const std::string& path) override;

 private:
  SqliteStore(FileDescriptor file, std::unique_ptr<Connection> writing,
              std::unique_ptr<Connection> reading, std::string vfs);

  const std::string vfs_;
  FileDescriptor file_;  // see FileRoom: closed after the connections
  std::unique_ptr<Connection> writing_;
  Writer writer_;

  Mutex reading_mutex_;
  std::unique_ptr<Connection> reading_ TREADLE_GUARDED_BY(reading_mutex_);
  Loader loader_ TREADLE_GUARDED_BY(reading_mutex_);
  Lister lister_ TREADLE_GUARDED_BY(reading_mutex_);
  TrailReader trail_ TREADLE_GUARDED_BY(reading_mutex_);
};

}  // namespace treadle
