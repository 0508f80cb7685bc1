// DataDirectory: where a server keeps everything, and the right to be the only one there.
//
//   treadle.data   says that this is one, and in which version: "treadle-data 1\n"
//   LOCK           locked while a server uses the directory; holds the number of its process
//   journal/       journal/file_journal.h
//   store.db       store/sqlite/sqlite_store.h
//   backups/       node/backups.h, if the configuration names no other place
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/disk.h"
#include "model/task.h"

namespace treadle {

/// Whose tasks a data directory holds.
inline constexpr ShardId kShard = 1;

class DataDirectory {
 public:
  /// Creates the directory (readable only by its owner) if it is missing, checks what it is and
  /// locks it until this object's end. Borrows `disk`. FAILED_PRECONDITION, with nothing changed:
  /// it holds files and is no data directory, another server uses it, or a newer Treadle made it.
  /// PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAVAILABLE: the disk's.
  static Result<DataDirectory> Open(Disk* disk, const std::string& path);

  /// The same for one that is there, and without writing to it. NOT_FOUND: it is not.
  static Result<DataDirectory> OpenToLook(Disk* disk, const std::string& path);

  /// A new one for whoever fills it before it may be used: until Seal() it does not count as one,
  /// and no server opens it. Makes the directory if it is missing, and locks it.
  /// FAILED_PRECONDITION: it holds something.
  static Result<DataDirectory> BeginNew(Disk* disk, const std::string& path);
  /// What BeginNew() began is a data directory from now on, durably.
  Status Seal();

  /// Absolute.
  const std::string& path() const { return path_; }
  std::string journal() const { return path_ + "/journal"; }
  std::string store() const { return path_ + "/store.db"; }
  /// What a running server has open, or must find again.
  std::vector<std::string> InUse() const {
    return {path_, path_ + "/LOCK", path_ + "/treadle.data", journal(), store(), store() + "-wal"};
  }
  /// It was made by Open(), or was empty: there are no tasks in it.
  bool is_new() const { return is_new_; }
  /// What Open() found that should be changed, one sentence each, with the command to type.
  const std::vector<std::string>& warnings() const { return warnings_; }
  /// The default directory for backups.
  std::string backups() const { return path_ + "/backups"; }

 private:
  DataDirectory(Disk* disk, std::string path, std::unique_ptr<DiskLock> lock)
      : disk_(disk), path_(std::move(path)), lock_(std::move(lock)) {}

  Disk* disk_;
  std::string path_;
  std::unique_ptr<DiskLock> lock_;
  bool is_new_ = false;
  std::vector<std::string> warnings_;
};

}  // namespace treadle
