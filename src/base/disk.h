// Disk: the seam between Treadle's own files and the operating system.
//
// Real: PosixDisk. Simulated: sim/, which injects crashes, lost and torn writes, full disks and I/O
// errors. Calls block. A File may be read by one thread while another writes other parts of it;
// everything else is one thread at a time. Errors: RESOURCE_EXHAUSTED when the disk or a
// quota is full, NOT_FOUND for a missing file, PERMISSION_DENIED, INVALID_ARGUMENT when the path
// names something of another kind, FAILED_PRECONDITION when a lock is held elsewhere, and
// UNAVAILABLE for the rest; the message names the path.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace treadle {

class File {
 public:
  virtual ~File() = default;

  /// Up to `size` bytes from `offset` into `out`, fewer only at the end of the file.
  virtual Result<size_t> Read(uint64_t offset, char* out, size_t size) = 0;
  /// All of `data` at `offset`; the file grows as needed. Nothing is durable before Sync().
  virtual Status Write(uint64_t offset, std::string_view data) = 0;
  /// Makes everything written so far durable. After a failure the state of the file is unknown
  /// (fsync(2)): do not retry.
  virtual Status Sync() = 0;
  virtual Status Truncate(uint64_t size) = 0;
  virtual Result<uint64_t> Size() = 0;
};

/// Which file a path names. Two files that exist at the same time differ in it.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;

  bool operator==(const FileIdentity&) const = default;
};

/// Holds an exclusive lock until destroyed.
class DiskLock {
 public:
  virtual ~DiskLock() = default;
};

class Disk {
 public:
  virtual ~Disk() = default;

  enum class Mode { kRead, kReadWrite, kCreate };  // kCreate: made if missing, kept if there

  virtual Result<std::unique_ptr<File>> Open(const std::string& path, Mode mode) = 0;
  virtual Status CreateDirectory(const std::string& path) = 0;
  /// Names (not paths) of the entries, sorted.
  virtual Result<std::vector<std::string>> List(const std::string& directory) = 0;
  /// Atomic; durable after SyncDirectory().
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status Remove(const std::string& path) = 0;
  virtual Status SyncDirectory(const std::string& path) = 0;
  /// Bytes that a process without privileges may still write to the file system of `path`.
  virtual Result<uint64_t> FreeBytes(const std::string& path) = 0;
  /// Of the file or directory at `path`; NOT_FOUND if there is none. A disk that cannot say has one
  /// identity for all.
  virtual Result<FileIdentity> Identify(const std::string& path) {
    (void)path;
    return FileIdentity{};
  }
  /// FAILED_PRECONDITION if another process (or another lock of this one) holds it.
  virtual Result<std::unique_ptr<DiskLock>> Lock(const std::string& path) = 0;
};

}  // namespace treadle
