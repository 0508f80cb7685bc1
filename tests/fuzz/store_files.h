// Store files in memory, for targets that fuzz them. SQLite's default file system is a simulated
// disk while a StoreFiles lives. Only one may live at a time.
#pragma once

#include <sqlite3.h>

#include <string>

#include "base/check.h"
#include "sim/sim_disk.h"
#include "sim/sim_vfs.h"

namespace treadle::fuzz {

class StoreFiles {
 public:
  StoreFiles() {
    TREADLE_CHECK(disk_.CreateDirectory("/data").ok());
    TREADLE_CHECK(sqlite3_vfs_register(sqlite3_vfs_find("fuzz"), /*makeDflt=*/1) == SQLITE_OK);
  }
  StoreFiles(const StoreFiles&) = delete;
  StoreFiles& operator=(const StoreFiles&) = delete;

  Disk* disk() { return &disk_; }

  std::string Read(const std::string& path) {
    const auto file = *disk_.Open(path, Disk::Mode::kRead);
    std::string bytes(*file->Size(), '\0');
    TREADLE_CHECK(*file->Read(0, bytes.data(), bytes.size()) == bytes.size());
    return bytes;
  }
  /// `path` must be new.
  void Write(const std::string& path, const std::string& bytes) {
    const auto file = *disk_.Open(path, Disk::Mode::kCreate);
    TREADLE_CHECK(file->Write(0, bytes).ok() && file->Sync().ok());
  }

 private:
  sim::SimDisk disk_{1};
  sim::SimVfs vfs_{&disk_, "fuzz"};
};

}  // namespace treadle::fuzz
