// BackupMaker: one backup, from its first byte to its name.
//
// It copies the store bit by bit between the checkpoints, so that it holds up neither them nor the
// shard, syncs what it wrote as it goes (one large sync would delay those of the journal), and ends
// with a label and a rename: what has the name of a backup is whole. All on the checkpoint
// executor.
#pragma once

#include <memory>
#include <string>

#include "base/disk.h"
#include "base/hash.h"
#include "base/time.h"
#include "shard/checkpointer.h"
#include "store/backup_label.h"
#include "store/store.h"

namespace treadle {

class BackupMaker {
 public:
  /// What an unfinished one has behind its name.
  static constexpr std::string_view kDraftSuffix = ".partial";

  struct Tools {
    Disk* disk;
    Clock* clock;
    Store* store;
    const Checkpointer* checkpointer;
    uint32_t term;
    uint64_t reserve_bytes;  // stays free on the disk of the backup
  };

  /// Of a file `directory`/`name`, which must not be there. Borrows what `tools` holds.
  BackupMaker(const Tools& tools, const std::string& directory, const std::string& name);
  /// Removes what is not finished.
  ~BackupMaker();
  BackupMaker(const BackupMaker&) = delete;
  BackupMaker& operator=(const BackupMaker&) = delete;

  enum class Next {
    kAgain,  // there is more to do
    kLater,  // the store is uneven after a checkpoint that was cut short: when the next one is over
    kDone,   // the backup has its name, durably
  };
  /// One short piece of work. RESOURCE_EXHAUSTED, UNAVAILABLE and others: nothing comes of this
  /// one, and the node continues as before.
  Result<Next> Advance();

  uint64_t bytes_total() const { return bytes_total_; }
  uint64_t bytes_done() const { return bytes_done_; }  // copied; the digest is not counted
  /// Once it is done.
  const BackupLabel& label() const { return label_; }

 private:
  Status Begin();
  Status CheckRoom() const;
  Status Copy();
  Status NoteCopied();
  Status Digest();
  Status Finish();

  const Tools tools_;
  const std::string directory_;
  const std::string path_;
  const std::string draft_;
  std::unique_ptr<StoreCopy> copy_;
  std::unique_ptr<File> file_;
  Sha256Stream digest_;
  uint64_t digested_ = 0;
  uint64_t bytes_total_ = 0;
  uint64_t bytes_done_ = 0;
  BackupLabel label_;
  enum class Phase { kNew, kCopying, kDigesting, kDone } phase_ = Phase::kNew;
};

}  // namespace treadle
