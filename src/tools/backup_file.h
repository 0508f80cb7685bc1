// Backup files outside a server: docs/formats/backup.md. `treadle backup verify`, and what a
// restore begins with.
#pragma once

#include <string>

#include "base/disk.h"
#include "store/backup_label.h"
#include "tools/data_tools.h"

namespace treadle::tools {

/// A backup that is open. Only read; borrows its disk.
class BackupFile {
 public:
  /// Reads the label. NOT_FOUND, PERMISSION_DENIED, and the errors of DecodeBackupLabel().
  static Result<BackupFile> Open(Disk* disk, const std::string& path);

  const BackupLabel& label() const { return label_; }
  uint64_t bytes() const { return label_.store_bytes + kBackupLabelBytes; }

  /// Writes the store to a new file `to`, durably, and holds it against its digest on the way.
  /// DATA_LOSS: it differs. RESOURCE_EXHAUSTED: no room.
  Status Unpack(const std::string& to);

 private:
  BackupFile(Disk* disk, std::string path, std::unique_ptr<File> file, const BackupLabel& label)
      : disk_(disk), path_(std::move(path)), file_(std::move(file)), label_(label) {}

  Disk* disk_;
  std::string path_;
  std::unique_ptr<File> file_;
  BackupLabel label_;
};

/// What the unpacked store at `store` holds, and what is wrong with it. May change the file.
Result<BackupReport> InspectBackup(const BackupFile& backup, const std::string& store);

/// See VerifyBackupFn.
Result<BackupReport> VerifyBackup(const std::string& path);

}  // namespace treadle::tools
