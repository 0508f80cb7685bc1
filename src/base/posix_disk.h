// PosixDisk: the Disk of production, on the POSIX file calls.
#pragma once

#include "base/disk.h"

namespace treadle {

class PosixDisk final : public Disk {
 public:
  Result<std::unique_ptr<File>> Open(const std::string& path, Mode mode) override;
  /// Readable only by the owner; no error if it is there.
  Status CreateDirectory(const std::string& path) override;
  Result<std::vector<std::string>> List(const std::string& directory) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Status SyncDirectory(const std::string& path) override;
  Result<uint64_t> FreeBytes(const std::string& path) override;
  Result<FileIdentity> Identify(const std::string& path) override;
  Result<std::unique_ptr<DiskLock>> Lock(const std::string& path) override;
};

}  // namespace treadle
