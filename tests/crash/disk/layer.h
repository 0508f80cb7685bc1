// Layer: what stands between a process and its files. calls.cc hands it every call of the C library
// that changes one of the files below the directory of operations.h, or makes it durable.
//
// A call holds one lock while it notes and does what it is for, so what the undo log says happened
// in the order that it says; the syncs alone are done without it, as they take long. They cover
// what was written before they began.
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
  /// The one of this process.
  static Layer& Get();

  /// Whether the layer looks after this path, or this open file.
  bool Has(const char* path) const { return operations_.NameOf(path) != nullptr; }
  bool Has(int fd) const { return FileAt(fd) != nullptr; }

  // As the calls of the C library of these names.
  int Open(const char* path, int flags, mode_t mode);
  int Close(int fd);
  ssize_t WriteAt(int fd, const void* data, size_t size, off_t offset);
  int Truncate(int fd, off_t size);
  int Sync(int fd, int (*sync)(int));
  int Rename(const char* from, const char* to);
  int Unlink(const char* path);
  int MakeDirectory(const char* path, mode_t mode);

  /// Ends the process: this call is not modelled, and what it does would go unnoticed.
  [[noreturn]] static void Refuse(const char* call, const char* what);

 private:
  /// An open file. It stays when it is closed: nobody needs the few bytes.
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
