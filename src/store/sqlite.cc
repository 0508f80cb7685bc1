#include "store/sqlite.h"

#include <cerrno>

#include "base/regular_file.h"

namespace treadle {
namespace {

// How long to wait for a person who writes to the file with another program.
constexpr int kBusyMs = 5'000;

Code CodeOf(int extended, int system_errno) {
  switch (extended & 0xff) {
    case SQLITE_FULL:
      return Code::kResourceExhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Code::kDataLoss;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return Code::kPermissionDenied;
    case SQLITE_CANTOPEN:
      if (IsDiskFull(system_errno)) return Code::kResourceExhausted;
      return system_errno == EACCES ? Code::kPermissionDenied : Code::kUnavailable;
    case SQLITE_IOERR:
      // A failed sync is never a full disk: nobody may continue after one.
      if (extended == SQLITE_IOERR_FSYNC || extended == SQLITE_IOERR_DIR_FSYNC)
        return Code::kUnavailable;
      return IsDiskFull(system_errno) ? Code::kResourceExhausted : Code::kUnavailable;
    default:
      return Code::kUnavailable;
  }
}

}  // namespace

void SetUpSqlite() {
  [[maybe_unused]] static const int once = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

Result<std::unique_ptr<Connection>> Connection::Open(const std::string& path,
                                                     const std::string& vfs) {
  sqlite3* db = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int result = sqlite3_open_v2(path.c_str(), &db, flags, vfs.empty() ? nullptr : vfs.c_str());
  TREADLE_CHECK(db != nullptr);  // else out of memory
  std::unique_ptr<Connection> connection(new Connection(db, path));
  if (result != SQLITE_OK) return connection->Error(result);
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, kBusyMs);
  // Whoever could write to the file could put code into its schema.
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return connection;
}

Connection::~Connection() { TREADLE_CHECK(sqlite3_close(db_) == SQLITE_OK); }

Status Connection::Execute(const std::string& sql) {
  const int result = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  return result == SQLITE_OK ? Status() : Error(result);
}

void Connection::KeepLogBelow(int pages) {
  log_pages_max_ = pages;
  const auto note = [](void* self, sqlite3*, const char*, int log_pages) {
    static_cast<Connection*>(self)->log_pages_ = log_pages;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(db_, note, this);
}

Status Connection::TidyLog() {
  if (log_pages_max_ == 0 || log_pages_ < log_pages_max_) return {};
  log_pages_ = 0;
  const int result =
      sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (result == SQLITE_OK || result == SQLITE_BUSY || result == SQLITE_LOCKED) return {};
  Status error = Error(result);
  return error.code() == Code::kResourceExhausted ? Status() : error;
}

void Connection::set_tidy_on_close(bool tidy) {
  sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, tidy ? 0 : 1, nullptr);
}

Status Connection::Error(int result) const {
  TREADLE_CHECK(result != SQLITE_MISUSE && result != SQLITE_RANGE);
  return {CodeOf(result, sqlite3_system_errno(db_)), path_ + ": " + sqlite3_errmsg(db_)};
}

Status Rows::status() const {
  if (result_ == SQLITE_OK || result_ == SQLITE_ROW || result_ == SQLITE_DONE) return {};
  return db_->Error(result_);
}

int Statement::Prepare() {
  if (statement_ != nullptr) return SQLITE_OK;
  const int result =
      sqlite3_prepare_v3(db_->handle(), sql_.c_str(), static_cast<int>(sql_.size()) + 1,
                         SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
  bound_.resize(1 + static_cast<size_t>(sqlite3_bind_parameter_count(statement_)));
  return result;
}

Rows Statement::QueryNumbers(std::span<const int64_t> values,
                             const std::optional<std::string>& text) {
  int result = Prepare();
  int place = 0;
  for (const int64_t value : values)
    if (result == SQLITE_OK) result = Bind(++place, value);
  if (result == SQLITE_OK && text) result = Bind(++place, std::string_view(*text));
  return Rows(db_, statement_, result);
}

int Statement::Bind(int place, std::string_view text) {
  const char* data = text.data() == nullptr ? "" : text.data();  // a null pointer would bind NULL
  BoundAt(place).kind = Bound::kBytes;
  return sqlite3_bind_text64(statement_, place, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

int Statement::Bind(int place, Blob blob) {
  const char* data = blob.bytes.data() == nullptr ? "" : blob.bytes.data();
  BoundAt(place).kind = Bound::kBytes;
  return sqlite3_bind_blob64(statement_, place, data, blob.bytes.size(), SQLITE_STATIC);
}

Transaction::~Transaction() {
  // Nothing is left to do about a failure: SQLite has rolled back by itself then, or the log lacks
  // the commit.
  if (db_->in_transaction()) (void)db_->Execute("ROLLBACK");
}

Status Transaction::Begin(Kind kind) {
  return db_->Execute(kind == Kind::kRead ? "BEGIN" : "BEGIN IMMEDIATE");
}

Status Transaction::Commit() {
  TREADLE_RETURN_IF_ERROR(db_->Execute("COMMIT"));
  return db_->TidyLog();
}

}  // namespace treadle
