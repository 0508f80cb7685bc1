#include "store/sqlite/log_durability.h"

#include <sqlite3.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace treadle {
namespace {

// SQLite's own file system takes at most 128 KiB less a byte at once: what is more, it cuts off.
constexpr sqlite3_int64 kChunkBytes = 64 << 10;

// SQLite's own handle of a file, as its file system makes it.
class RawFile {
 public:
  explicit RawFile(sqlite3_vfs* vfs) : memory_(static_cast<size_t>(vfs->szOsFile)) {}
  ~RawFile() {
    if (get()->pMethods != nullptr) get()->pMethods->xClose(get());
  }
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;

  sqlite3_file* get() { return reinterpret_cast<sqlite3_file*>(memory_.data()); }
  const sqlite3_io_methods& methods() { return *get()->pMethods; }

 private:
  std::vector<char> memory_;  // of operator new: aligned for anything
};

int Rewrite(RawFile* log) {
  sqlite3_int64 size = 0;
  if (const int result = log->methods().xFileSize(log->get(), &size); result != SQLITE_OK)
    return result;
  std::vector<char> bytes(static_cast<size_t>(std::min(size, kChunkBytes)));
  for (sqlite3_int64 at = 0; at < size; at += kChunkBytes) {
    const int n = static_cast<int>(std::min(size - at, kChunkBytes));
    int result = log->methods().xRead(log->get(), bytes.data(), n, at);
    if (result == SQLITE_OK) result = log->methods().xWrite(log->get(), bytes.data(), n, at);
    if (result != SQLITE_OK) return result;
  }
  return log->methods().xSync(log->get(), SQLITE_SYNC_NORMAL);
}

}  // namespace

Status MakeLogDurable(const std::string& path, const std::string& vfs_name) {
  sqlite3_vfs* const vfs = sqlite3_vfs_find(vfs_name.empty() ? nullptr : vfs_name.c_str());
  const std::string log_path = path + "-wal";
  int found = 0;
  int result = vfs == nullptr ? SQLITE_ERROR
                              : vfs->xAccess(vfs, log_path.c_str(), SQLITE_ACCESS_EXISTS, &found);
  if (result == SQLITE_OK && found == 0) return {};
  if (result == SQLITE_OK) {
    RawFile log(vfs);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL;
    result = vfs->xOpen(vfs, log_path.c_str(), log.get(), flags, &flags);
    if (result == SQLITE_OK) result = Rewrite(&log);
  }
  if (result == SQLITE_OK) return {};
  return {result == SQLITE_FULL ? Code::kResourceExhausted : Code::kUnavailable,
          log_path + ": cannot make the write-ahead log durable: " + sqlite3_errstr(result)};
}

}  // namespace treadle
