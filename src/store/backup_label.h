// BackupLabel: the end of a backup file, after the bytes of a store. By it anyone
// can tell that the file is whole, and what it holds. docs/formats/backup.md is the specification.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/disk.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/time.h"

namespace treadle {

struct BackupLabel {
  uint64_t frame = 0;  // of the journal; everything up to it is in the backup, nothing later is
  uint32_t term = 0;   // in which it was made
  WallTime taken_at;   // when the copy was whole
  uint64_t store_bytes = 0;  // the file's first bytes: a store file
  Sha256 store_sha256;       // of them

  bool operator==(const BackupLabel&) const = default;
};

inline constexpr size_t kBackupLabelBytes = 512;
/// The names of backups end so.
inline constexpr std::string_view kBackupSuffix = ".backup";

/// kBackupLabelBytes of text.
std::string EncodeBackupLabel(const BackupLabel& label);
/// `tail`: the last kBackupLabelBytes of a file. DATA_LOSS: it is no backup, or a damaged or
/// unfinished one. FAILED_PRECONDITION: a newer Treadle made it.
Result<BackupLabel> DecodeBackupLabel(std::string_view tail);
/// The label of a whole file, whose length matches it. The same errors, and those of the disk.
Result<BackupLabel> ReadBackupLabel(File* file);

}  // namespace treadle
