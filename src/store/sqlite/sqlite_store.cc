#include "store/sqlite/sqlite_store.h"

#include <fcntl.h>

#include <optional>

#include "store/sqlite/log_durability.h"
#include "store/sqlite/row_digest.h"
#include "store/sqlite/scanner.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite_copy.h"

namespace treadle {
namespace {

constexpr int kWriterCacheKib = 8 << 10;
constexpr int kReaderCacheKib = 4 << 10;
constexpr int kMetaNumbers = 5;  // all, or none before the first checkpoint

// For FileRoom, which does without if there is none: on another file system than SQLite's own.
FileDescriptor OpenFile(const SqliteStoreOptions& options) {
  if (!options.vfs.empty()) return FileDescriptor();
  Result<FileDescriptor> file = OpenRegularFile(options.path, O_RDWR | O_NOFOLLOW);
  return file.ok() ? *std::move(file) : FileDescriptor();
}

}  // namespace

Result<StoreMeta> ReadMetaOf(Connection* db) {
  Statement statement(db, "SELECT key, value, " + IsSound("meta") + " FROM meta");
  StoreMeta meta;
  int known = 0;
  Rows rows = statement.Query();
  while (rows.Next()) {
    const std::string_view key = rows.Bytes(0);
    if (!rows.As<bool>(2))
      return Status(Code::kDataLoss, "one of the store's own numbers does not match its checksum");
    known += key != "identity" && key != "roots";
    if (key == "applied") meta.applied = rows.As<uint64_t>(1);
    if (key == "time_ms") meta.time = {rows.Int(1)};
    if (key == "wall_ms") meta.wall = {rows.Int(1)};
    if (key == "next_sequence") meta.next_sequence = rows.As<uint64_t>(1);
    if (key == "term") meta.term = rows.As<uint32_t>(1);
  }
  TREADLE_RETURN_IF_ERROR(rows.status());
  if (known != 0 && known != kMetaNumbers)
    return Status(Code::kDataLoss, "some of the store's own numbers are missing");
  return meta;
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::Open(const SqliteStoreOptions& options) {
  SetUpSqlite();
  TREADLE_RETURN_IF_ERROR(MakeLogDurable(options.path, options.vfs));
  std::optional<FileDescriptor> file;  // closed after the connections
  TREADLE_ASSIGN_OR_RETURN(auto writing, Connection::Open(options.path, options.vfs));
  TREADLE_RETURN_IF_ERROR(PrepareSchema(writing.get(), options.identity, options.shape));
  TREADLE_RETURN_IF_ERROR(Configure(writing.get(), kWriterCacheKib, options.shape));
  file.emplace(OpenFile(options));
  TREADLE_ASSIGN_OR_RETURN(auto reading, Connection::Open(options.path, options.vfs));
  TREADLE_RETURN_IF_ERROR(AddRowDigest(reading.get()));
  TREADLE_RETURN_IF_ERROR(Configure(reading.get(), kReaderCacheKib, options.shape));
  return std::unique_ptr<SqliteStore>(
      new SqliteStore(*std::move(file), std::move(writing), std::move(reading), options.vfs));
}

SqliteStore::SqliteStore(FileDescriptor file, std::unique_ptr<Connection> writing,
                         std::unique_ptr<Connection> reading, std::string vfs)
    : vfs_(std::move(vfs)),
      file_(std::move(file)),
      writing_(std::move(writing)),
      writer_(writing_.get(), file_.get()),
      reading_(std::move(reading)),
      loader_(reading_.get()),
      lister_(reading_.get()),
      trail_(reading_.get()) {}

Result<StoreMeta> SqliteStore::ReadMeta() {
  MutexLock lock(reading_mutex_);
  return ReadMetaOf(reading_.get());
}

Status SqliteStore::ReadAll(const Visitor& visit) {
  MutexLock lock(reading_mutex_);
  return ScanAll(reading_.get(), visit);
}

Status SqliteStore::Write(const StoreChanges& changes) { return writer_.Write(changes); }

Result<std::vector<TaskRecord>> SqliteStore::Load(const std::vector<TaskPlace>& places) {
  MutexLock lock(reading_mutex_);
  return loader_.Load(places);
}

Result<TaskHistory> SqliteStore::History(TaskId task) {
  MutexLock lock(reading_mutex_);
  return trail_.History(task);
}

Result<std::string> SqliteStore::Log(TaskId task, uint32_t attempt) {
  MutexLock lock(reading_mutex_);
  return trail_.Log(task, attempt);
}

Result<uint64_t> SqliteStore::ReusableBytes() {
  MutexLock lock(reading_mutex_);
  Statement pages(reading_.get(),
                  "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size");
  Rows rows = pages.Query();
  const uint64_t bytes = rows.Next() ? rows.As<uint64_t>(0) : 0;
  TREADLE_RETURN_IF_ERROR(rows.status());
  return bytes;
}

Result<std::unique_ptr<StoreCopy>> SqliteStore::BeginCopy(const std::string& path) {
  return SqliteCopy::Begin(writing_.get(), path, vfs_);
}

Result<TaskPage> SqliteStore::List(const TaskQuery& query) {
  MutexLock lock(reading_mutex_);
  return lister_.List(query);
}

}  // namespace treadle
