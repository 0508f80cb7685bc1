#include "store/sqlite/sqlite_copy.h"

#include "base/check.h"

#include <algorithm>

namespace treadle {

Result<std::unique_ptr<StoreCopy>> SqliteCopy::Begin(Connection* from, const std::string& path,
                                                     const std::string& vfs) {
  TREADLE_ASSIGN_OR_RETURN(std::unique_ptr<Connection> to, Connection::Open(path, vfs));
  std::unique_ptr<SqliteCopy> copy(new SqliteCopy(from, std::move(to)));
  TREADLE_RETURN_IF_ERROR(copy->Start());
  return std::unique_ptr<StoreCopy>(std::move(copy));
}

SqliteCopy::~SqliteCopy() {
  // What it says is what Advance() has said, or nobody asked: the copy is given up.
  (void)sqlite3_backup_finish(backup_);
}

// Nobody needs a half-made copy, so it keeps no log; and its pages go to the file as they come.
Status SqliteCopy::Start() {
  TREADLE_RETURN_IF_ERROR(to_->Execute(
      "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE; "
      "PRAGMA cache_size=-1024"));
  Statement page_size(from_, "PRAGMA page_size");
  {
    Rows rows = page_size.Query();
    if (rows.Next()) page_bytes_ = rows.As<uint64_t>(0);
    TREADLE_RETURN_IF_ERROR(rows.status());
  }
  backup_ = sqlite3_backup_init(to_->handle(), "main", from_->handle(), "main");
  return backup_ == nullptr ? to_->Error(sqlite3_errcode(to_->handle())) : Status();
}

Result<bool> SqliteCopy::Advance(uint64_t bytes) {
  TREADLE_CHECK(backup_ != nullptr && page_bytes_ > 0);  // it has not ended
  const auto pages = static_cast<int>(std::clamp<uint64_t>(bytes / page_bytes_, 1, 1 << 20));
  const int result = sqlite3_backup_step(backup_, pages);
  pages_total_ = static_cast<uint64_t>(sqlite3_backup_pagecount(backup_));
  pages_left_ = static_cast<uint64_t>(sqlite3_backup_remaining(backup_));
  if (result == SQLITE_OK || result == SQLITE_BUSY || result == SQLITE_LOCKED) return false;
  const Status closed = Close();
  if (result == SQLITE_DONE && closed.ok()) return true;
  return closed.ok() ? Status(Code::kUnavailable, sqlite3_errstr(result)) : closed;
}

// The error of a step is reported here.
Status SqliteCopy::Close() {
  const int result = sqlite3_backup_finish(std::exchange(backup_, nullptr));
  const Status status = result == SQLITE_OK ? Status() : to_->Error(result);
  to_.reset();
  return status;
}

}  // namespace treadle
