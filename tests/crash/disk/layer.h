// Layer: sits between a process and its files. calls.cc passes it every C library call that
// changes a file below the directory of operations.h or makes one durable.
//
// A call holds one lock while it records and performs its operation, so operations happen in the
// order of the undo log. Only syncs run without the lock, because they take long. They cover what
// was written before they began.
//
// Thread rule: any.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "tests/crash/disk/operations.h"
#include "tests/crash/disk/undo_log.h"

namespace treadle::crash {

class Layer {
 public:
  /// The layer of this process.
  static Layer& Get();

  /// Whether the layer tracks this path or this open file.
  bool Has(const char* path) const { return operations_.NameOf(path) != nullptr; }
  bool Has(int fd) const { return FileAt(fd) != nullptr; }

  // Same contracts as the C library calls with these names.
  int Open(const char* path, int flags, mode_t mode);
  int Close(int fd);
  ssize_t WriteAt(int fd, const void* data, size_t size, off_t offset);
  int Truncate(int fd, off_t size);
  int Allocate(int fd, off_t offset, off_t size);
  int Sync(int fd, int (*sync)(int));
  int Rename(const char* from, const char* to);
  int Unlink(const char* path);
  int MakeDirectory(const char* path, mode_t mode);

  /// Ends the process: this call is not modeled, and its effect would go unnoticed.
  [[noreturn]] static void Refuse(const char* call, const char* what);

 private:
  /// An open file. Kept after it is closed; it is only a few bytes.
  struct OpenFile {
    std::string name;
    uint64_t inode = 0;
    bool is_directory = false;
  };

  OpenFile* FileAt(int fd) const;
  int Fail(int error);

  std::mutex mutex_;
  Operations operations_;
  UndoLog undo_;
  std::array<std::atomic<OpenFile*>, 65536> files_{};
};

}  // namespace treadle::crash
