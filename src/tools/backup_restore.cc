#include "tools/backup_restore.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/posix_disk.h"
#include "base/random.h"
#include "journal/journal_salvage.h"
#include "node/data_directory.h"
#include "store/sqlite/repair/store_salvage.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite_store.h"
#include "tools/backup_file.h"
#include "tools/directory_copy.h"

namespace treadle::tools {
namespace {

// What the server that was backed up may have used since: openings, and ids of tasks. Both numbers
// bear thousands of restores in a row.
constexpr uint32_t kRestoreSkipsTerms = uint32_t{1} << 20;
constexpr uint64_t kRestoreSkipsIds = uint64_t{1} << 34;

/// One restore into a directory that is locked and not yet a data directory.
class Restore {
 public:
  Restore(Disk* disk, BackupFile backup, DataDirectory data)
      : disk_(disk), backup_(std::move(backup)), data_(std::move(data)) {}

  Result<RestoreReport> Run(const std::function<void(const std::string&)>& say) {
    say("reading " + std::to_string(backup_.bytes() >> 20) + " MiB and verifying the checksums");
    TREADLE_RETURN_IF_ERROR(backup_.Unpack(data_.store()));
    RestoreReport report{.directory = data_.path()};
    TREADLE_ASSIGN_OR_RETURN(report.backup, InspectBackup(backup_, data_.store()));
    TREADLE_RETURN_IF_ERROR(RenewStore());
    TREADLE_RETURN_IF_ERROR(WriteEmptyJournal(disk_, data_.journal(),
                                              {.number = 1,
                                               .identity = identity_,
                                               .term = meta_.term,
                                               .first_sequence = meta_.applied + 1}));
    TREADLE_RETURN_IF_ERROR(disk_->SyncDirectory(data_.path()));
    TREADLE_RETURN_IF_ERROR(GiveToOwner(data_.path()));
    TREADLE_RETURN_IF_ERROR(data_.Seal());
    TREADLE_RETURN_IF_ERROR(GiveToOwner(data_.path()));  // the seal, too
    report.next_task = TaskId::Of(kShard, meta_.next_sequence).ToString();
    report.term_from = meta_.term;
    return report;
  }

 private:
  // The store may say nothing of a term that its journal has not reached.
  Status RenewStore() {
    SystemRandom random;
    identity_ = random.Next();
    TREADLE_RETURN_IF_ERROR(ChangeIdentity(data_.store(), identity_));
    TREADLE_ASSIGN_OR_RETURN(
        const auto store,
        SqliteStore::Open({.path = data_.store(), .identity = identity_, .vfs = ""}));
    TREADLE_ASSIGN_OR_RETURN(meta_, store->ReadMeta());
    meta_.next_sequence =
        std::min(meta_.next_sequence + kRestoreSkipsIds, TaskId::kMaxSequence / 2);
    TREADLE_RETURN_IF_ERROR(store->Write({.meta = meta_}));
    meta_.term = std::max(meta_.term, backup_.label().term) + kRestoreSkipsTerms;
    return {};
  }

  Disk* disk_;
  BackupFile backup_;
  DataDirectory data_;
  uint64_t identity_ = 0;
  StoreMeta meta_;  // `term`: of the new journal
};

}  // namespace

Result<RestoreReport> RestoreBackup(const std::string& file, const std::string& directory,
                                    const std::function<void(const std::string&)>& say) {
  umask(S_IRWXG | S_IRWXO);  // as a server's: what lies there is nobody else's
  PosixDisk disk;
  TREADLE_ASSIGN_OR_RETURN(BackupFile backup, BackupFile::Open(&disk, file));
  TREADLE_ASSIGN_OR_RETURN(DataDirectory data, DataDirectory::BeginNew(&disk, directory));
  const std::string path = data.path();
  Result<RestoreReport> report = Restore(&disk, std::move(backup), std::move(data)).Run(say);
  if (report.ok()) return report;
  return Status(report.status().code(),
                report.status().message() + "; " + path +
                    " is not a complete data directory; remove its contents");
}

}  // namespace treadle::tools
