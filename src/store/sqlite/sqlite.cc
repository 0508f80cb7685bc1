#include "store/sqlite/sqlite.h"

#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "base/check.h"
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
      // The index of the log could not grow: a byte of it was refused.
      return extended == SQLITE_IOERR_SHMSIZE ? Code::kResourceExhausted : Code::kUnavailable;
    default:
      return Code::kUnavailable;
  }
}

// SQLite takes ENOSPC alone for a full disk; with any other number it reports an I/O error, and
// what it remembers of errno may be that of a later call. A quota and a limit for the size of
// files are full disks as well.
ssize_t TellFull(ssize_t written) {
  if (written < 0 && IsDiskFull(errno)) errno = ENOSPC;
  return written;
}

ssize_t Write(int fd, const void* data, size_t size) { return TellFull(write(fd, data, size)); }
ssize_t WriteAt(int fd, const void* data, size_t size, off_t offset) {
  return TellFull(pwrite(fd, data, size, offset));
}

void ReplaceCall(const char* name, void (*call)()) {
  sqlite3_vfs* const vfs = sqlite3_vfs_find("unix");  // the default may be another one
  if (vfs != nullptr && vfs->xGetSystemCall(vfs, name) != nullptr)
    vfs->xSetSystemCall(vfs, name, call);
}

bool SetUpOnce() {
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3_initialize();
  static_assert(sizeof(off_t) == 8, "pwrite() is pwrite64()");
  ReplaceCall("write", reinterpret_cast<void (*)()>(&Write));
  for (const char* name : {"pwrite", "pwrite64"})
    ReplaceCall(name, reinterpret_cast<void (*)()>(&WriteAt));
  return true;
}

}  // namespace

void SetUpSqlite() { [[maybe_unused]] static const bool once = SetUpOnce(); }

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

Connection::~Connection() {
  for (sqlite3_stmt* const bracket : brackets_) sqlite3_finalize(bracket);
  TREADLE_CHECK(sqlite3_close(db_) == SQLITE_OK);
}

Status Connection::Execute(const std::string& sql) {
  const int result = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  return result == SQLITE_OK ? Status() : Error(result);
}

Status Connection::Execute(Bracket bracket) {
  constexpr std::array kSql = {"BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"};
  const auto which = static_cast<size_t>(bracket);
  sqlite3_stmt*& statement = brackets_[which];
  if (statement == nullptr)
    if (const int result = sqlite3_prepare_v3(db_, kSql[which], -1, SQLITE_PREPARE_PERSISTENT,
                                              &statement, nullptr);
        result != SQLITE_OK)
      return Error(result);
  const int result = sqlite3_step(statement);
  const Status status = result == SQLITE_DONE ? Status() : Error(result);
  sqlite3_reset(statement);
  return status;
}

void Connection::KeepLogBelow(int pages) {
  TREADLE_CHECK(pages > 0);
  log_pages_max_ = pages;
  const auto note = [](void* self, sqlite3*, const char*, int log_pages) {
    static_cast<Connection*>(self)->log_pages_ = log_pages;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(db_, note, this);
}

Status Connection::TidyLog() {
  return log_pages_max_ == 0 || log_pages_ < log_pages_max_ ? Status() : EmptyLog();
}

Status Connection::EmptyLog() {
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
  std::string what = path_ + ": " + sqlite3_errmsg(db_);
  if (result > 0xff) what += " (SQLite error " + std::to_string(result) + ")";
  return {CodeOf(result, sqlite3_system_errno(db_)), std::move(what)};
}

Status Connection::ErrorOfFile(std::string_view what, int result) const {
  return {CodeOf(result, 0), path_ + ": " + std::string(what) + ": " + sqlite3_errstr(result)};
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
  TREADLE_CHECK((result == SQLITE_OK) == (statement_ != nullptr));  // no SQL here is empty
  const int parameters = sqlite3_bind_parameter_count(statement_);
  if (parameters > 0) bound_.resize(1 + static_cast<size_t>(parameters));
  return result;
}

Rows Statement::QueryNumbers(std::span<const int64_t> values,
                             const std::optional<std::string>& text) {
  int result = Prepare();
  int place = 0;
  for (const int64_t value : values)
    if (result == SQLITE_OK) result = Bind(++place, value);
  if (result == SQLITE_OK && text) result = Bind(++place, std::string_view(*text));
  TREADLE_CHECK(result != SQLITE_OK || static_cast<size_t>(place) == parameters());
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
  if (db_->in_transaction()) (void)db_->Execute(Connection::Bracket::kRollBack);
}

Status Transaction::Begin(Kind kind) {
  TREADLE_CHECK(!db_->in_transaction());  // else this one's rollback would be another one's
  using Bracket = Connection::Bracket;
  return db_->Execute(kind == Kind::kRead ? Bracket::kBegin : Bracket::kBeginToWrite);
}

Status Transaction::Commit() {
  TREADLE_CHECK(db_->in_transaction());
  TREADLE_RETURN_IF_ERROR(db_->Execute(Connection::Bracket::kCommit));
  return db_->TidyLog();
}

}  // namespace treadle
