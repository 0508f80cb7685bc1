#include "node/space_guard.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace treadle {

SpaceGuard::SpaceGuard(Disk* disk, Journal* journal, std::string directory, uint64_t reserve_bytes,
                       uint64_t ballast_bytes, Log log)
    : disk_(disk),
      journal_(journal),
      directory_(std::move(directory)),
      reserve_bytes_(reserve_bytes),
      ballast_bytes_(ballast_bytes),
      log_(std::move(log)),
      // It may be there from before, whole or in part.
      has_ballast_(disk->Open(BallastPath(directory_), Disk::Mode::kRead).ok()) {}

Status SpaceGuard::Check() {
  MutexLock lock(mutex_);
  Status room = journal_->MakeRoom();
  if (room.code() == Code::kResourceExhausted) {
    TREADLE_ASSIGN_OR_RETURN(const bool gained, RemoveBallast());
    if (gained) room = journal_->MakeRoom();
  }
  if (!room.ok() && room.code() != Code::kResourceExhausted) return room;
  TREADLE_ASSIGN_OR_RETURN(const uint64_t free, disk_->FreeBytes(directory_));
  bool enough = room.ok() && free >= reserve_bytes_ + (has_ballast_ ? 0 : ballast_bytes_);
  if (enough && !has_ballast_) {
    const Status made = MakeBallast();
    if (!made.ok() && made.code() != Code::kResourceExhausted) return made;
    enough = made.ok();
  }
  spendable_ = free > reserve_bytes_ ? free - reserve_bytes_ : 0;
  if (refuses_.exchange(!enough) == !enough) return {};
  log_(enough ? "the disk has room again: enqueues are accepted"
              : "the disk of " + directory_ + " is nearly full (" + std::to_string(free >> 20) +
                    " MiB free): enqueues are refused until there is room, running tasks go on");
  return {};
}

Result<bool> SpaceGuard::GiveUpBallast() {
  MutexLock lock(mutex_);
  return RemoveBallast();
}

Result<bool> SpaceGuard::RemoveBallast() {
  if (!std::exchange(has_ballast_, false)) return false;
  if (!disk_->Remove(BallastPath(directory_)).ok()) return false;
  TREADLE_RETURN_IF_ERROR(disk_->SyncDirectory(directory_));
  return true;
}

Status SpaceGuard::MakeBallast() {
  TREADLE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                           disk_->Open(BallastPath(directory_), Disk::Mode::kCreate));
  TREADLE_ASSIGN_OR_RETURN(uint64_t size, file->Size());
  const std::string zeros(size_t{1} << 20, '\0');
  Status status;
  while (status.ok() && size < ballast_bytes_) {
    const uint64_t n = std::min<uint64_t>(zeros.size(), ballast_bytes_ - size);
    status = file->Write(size, std::string_view(zeros).substr(0, n));
    size += n;
  }
  if (status.ok()) status = file->Sync();
  has_ballast_ = true;  // also if it is only a part: RemoveBallast() takes it away
  if (status.code() == Code::kResourceExhausted) TREADLE_RETURN_IF_ERROR(RemoveBallast().status());
  return status;
}

}  // namespace treadle
