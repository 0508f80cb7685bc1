// DataDirectory: where a server keeps everything, and the right to be the only one there.
//
//   treadle.data   says that this is one, and in which version: "treadle-data 1\n"
//   LOCK           locked while a server uses the directory; holds the number of its process
//   journal/       journal/file_journal.h
//   store.db       store/sqlite_store.h
#pragma once

#include <memory>
#include <string>

#include "base/disk.h"

namespace treadle::app {

class DataDirectory {
 public:
  /// Makes the directory (for its owner alone) if it is missing, checks what it is and locks it
  /// until this object's end. Borrows `disk`. FAILED_PRECONDITION, with nothing changed: it holds
  /// files and is no data directory, another server uses it, or a newer Treadle made it.
  /// PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAVAILABLE: the disk's.
  static Result<DataDirectory> Open(Disk* disk, const std::string& path);

  /// The same for one that is there, and without writing to it. NOT_FOUND: it is not.
  static Result<DataDirectory> OpenToLook(Disk* disk, const std::string& path);

  /// Absolute.
  const std::string& path() const { return path_; }
  std::string journal() const { return path_ + "/journal"; }
  std::string store() const { return path_ + "/store.db"; }

 private:
  DataDirectory(std::string path, std::unique_ptr<DiskLock> lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  std::unique_ptr<DiskLock> lock_;
};

}  // namespace treadle::app
