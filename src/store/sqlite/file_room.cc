#include "store/sqlite/file_room.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/check.h"
#include "base/regular_file.h"

namespace treadle {
namespace {

// As much as SQLite's own file system takes at once, and no more.
constexpr uint64_t kZerosBytes = 64 << 10;

sqlite3_file* FileOf(Connection* db) {
  sqlite3_file* file = nullptr;
  const int result = sqlite3_file_control(db->handle(), "main", SQLITE_FCNTL_FILE_POINTER,
                                          static_cast<void*>(&file));
  TREADLE_CHECK(result == SQLITE_OK && file != nullptr && file->pMethods != nullptr);
  return file;
}

Result<uint64_t> SizeOf(Connection* db) {
  sqlite3_file* const file = FileOf(db);
  sqlite3_int64 size = 0;
  const int result = file->pMethods->xFileSize(file, &size);
  if (result != SQLITE_OK) return db->ErrorOfFile("cannot read its size", result);
  return static_cast<uint64_t>(size);
}

}  // namespace

FileRoom::FileRoom(Connection* db, int file)
    : db_(db),
      file_(file),
      pages_(db, "PRAGMA page_count"),
      begin_nested_(db, "SAVEPOINT room"),
      end_nested_(db, "RELEASE room") {}

// A nested transaction has the search index write what it still holds: else it would do so within
// the commit, and need pages that nobody has counted.
Status FileRoom::Take() {
  TREADLE_CHECK(db_->in_transaction());  // only then it is known what the commit will need
  TREADLE_RETURN_IF_ERROR(begin_nested_.Run());
  TREADLE_RETURN_IF_ERROR(end_nested_.Run());
  TREADLE_ASSIGN_OR_RETURN(const uint64_t needed, BytesNeeded());
  TREADLE_ASSIGN_OR_RETURN(const uint64_t size, SizeOf(db_));
  if (needed <= size) return {};
  const int result = Extend(size, needed);
  return result == SQLITE_OK ? Status() : db_->ErrorOfFile("cannot grow", result);
}

// In a transaction of its own, so that nobody commits a page meanwhile.
void FileRoom::GiveBack() {
  Transaction transaction(db_);
  if (!transaction.Begin(Transaction::Kind::kWrite).ok()) return;
  const Result<uint64_t> needed = BytesNeeded();
  const Result<uint64_t> size = SizeOf(db_);
  if (!needed.ok() || !size.ok() || *needed == 0 || *size <= *needed) return;
  sqlite3_file* const file = FileOf(db_);
  (void)file->pMethods->xTruncate(file, static_cast<sqlite3_int64>(*needed));
}

// Of the transaction, if there is one.
Result<uint64_t> FileRoom::BytesNeeded() {
  if (page_bytes_ == 0) {
    Statement page_size(db_, "PRAGMA page_size");
    Rows rows = page_size.Query();
    if (rows.Next()) page_bytes_ = rows.As<uint64_t>(0);
    TREADLE_RETURN_IF_ERROR(rows.status());
  }
  Rows rows = pages_.Query();
  const uint64_t pages = rows.Next() ? rows.As<uint64_t>(0) : 0;
  TREADLE_RETURN_IF_ERROR(rows.status());
  return pages * page_bytes_;
}

// A result of SQLite's.
int FileRoom::Extend(uint64_t from, uint64_t to) {
  TREADLE_CHECK(from < to);
  if (file_ < 0) return WriteZeros(from, to);
  while (fallocate(file_, 0, static_cast<off_t>(from), static_cast<off_t>(to - from)) != 0) {
    if (errno == EINTR) continue;
    if (errno == EOPNOTSUPP || errno == ENOSYS) return WriteZeros(from, to);
    return IsDiskFull(errno) ? SQLITE_FULL : SQLITE_IOERR_WRITE;
  }
  return SQLITE_OK;
}

int FileRoom::WriteZeros(uint64_t from, uint64_t to) {
  TREADLE_CHECK(from < to);
  static constexpr std::array<char, kZerosBytes> kZeros{};
  sqlite3_file* const file = FileOf(db_);
  int result = SQLITE_OK;
  while (result == SQLITE_OK && from < to) {
    const uint64_t n = std::min(kZerosBytes, to - from);
    result = file->pMethods->xWrite(file, kZeros.data(), static_cast<int>(n),
                                    static_cast<sqlite3_int64>(from));
    from += n;
  }
  return result;
}

}  // namespace treadle
