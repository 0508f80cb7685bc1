#include "node/backup_maker.h"

#include <algorithm>
#include <utility>

namespace treadle {
namespace {

constexpr uint64_t kBackupPieceBytes = uint64_t{2} << 20;  // copied and synced at once, or digested

}  // namespace

BackupMaker::BackupMaker(const Tools& tools, const std::string& directory, const std::string& name)
    : tools_(tools),
      directory_(directory),
      path_(directory + "/" + name),
      draft_(path_ + std::string(kDraftSuffix)) {}

BackupMaker::~BackupMaker() {
  copy_.reset();
  if (phase_ == Phase::kCopying || phase_ == Phase::kDigesting) (void)tools_.disk->Remove(draft_);
}

Result<BackupMaker::Next> BackupMaker::Advance() {
  switch (phase_) {
    case Phase::kNew:
    case Phase::kCopying:
      // The last step counts: the copy is as the store is then.
      if (!tools_.checkpointer->store_is_even()) return Next::kLater;
      if (phase_ == Phase::kNew) TREADLE_RETURN_IF_ERROR(Begin());
      TREADLE_RETURN_IF_ERROR(Copy());
      return Next::kAgain;
    case Phase::kDigesting:
      TREADLE_RETURN_IF_ERROR(Digest());
      return phase_ == Phase::kDone ? Next::kDone : Next::kAgain;
    case Phase::kDone:
      break;
  }
  return Next::kDone;
}

Status BackupMaker::Begin() {
  TREADLE_RETURN_IF_ERROR(CheckRoom());
  phase_ = Phase::kCopying;
  TREADLE_ASSIGN_OR_RETURN(file_, tools_.disk->Open(draft_, Disk::Mode::kCreate));
  TREADLE_RETURN_IF_ERROR(file_->Truncate(0));
  TREADLE_ASSIGN_OR_RETURN(copy_, tools_.store->BeginCopy(draft_));
  return {};
}

Status BackupMaker::CheckRoom() const {
  TREADLE_ASSIGN_OR_RETURN(const uint64_t free, tools_.disk->FreeBytes(directory_));
  const uint64_t left = bytes_total_ - std::min(bytes_done_, bytes_total_);
  if (free >= tools_.reserve_bytes + std::max(left, kBackupPieceBytes)) return {};
  return {Code::kResourceExhausted, "there is no room for a backup in " + directory_ + ": " +
                                        std::to_string(free >> 20) + " MiB are free, of which " +
                                        std::to_string(tools_.reserve_bytes >> 20) +
                                        " MiB must stay free"};
}

Status BackupMaker::Copy() {
  TREADLE_ASSIGN_OR_RETURN(const bool is_whole, copy_->Advance(kBackupPieceBytes));
  bytes_total_ = copy_->bytes_total();
  bytes_done_ = copy_->bytes_done();
  TREADLE_RETURN_IF_ERROR(file_->Sync());
  return is_whole ? NoteCopied() : CheckRoom();
}

Status BackupMaker::NoteCopied() {
  copy_.reset();
  TREADLE_ASSIGN_OR_RETURN(const StoreMeta meta, tools_.store->ReadMeta());
  label_.frame = meta.applied;
  label_.term = tools_.term;
  label_.taken_at = tools_.clock->Wall();
  TREADLE_ASSIGN_OR_RETURN(label_.store_bytes, file_->Size());
  phase_ = Phase::kDigesting;
  return {};
}

Status BackupMaker::Digest() {
  std::string piece(std::min(kBackupPieceBytes, label_.store_bytes - digested_), '\0');
  TREADLE_ASSIGN_OR_RETURN(const size_t read, file_->Read(digested_, piece.data(), piece.size()));
  if (read != piece.size()) return {Code::kUnavailable, draft_ + " shrank while it was read"};
  digest_.Update(piece);
  digested_ += read;
  return digested_ == label_.store_bytes ? Finish() : Status();
}

Status BackupMaker::Finish() {
  label_.store_sha256 = digest_.Finish();
  TREADLE_RETURN_IF_ERROR(file_->Write(label_.store_bytes, EncodeBackupLabel(label_)));
  TREADLE_RETURN_IF_ERROR(file_->Sync());
  TREADLE_RETURN_IF_ERROR(tools_.disk->Rename(draft_, path_));
  phase_ = Phase::kDone;
  return tools_.disk->SyncDirectory(directory_);
}

}  // namespace treadle
