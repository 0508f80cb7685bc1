#include "shard/space_guard.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace treadle {
namespace {

// Some 10 s: to write the ballast and remove it again is work for a disk that has other worries.
constexpr int kChecksBetweenBallasts = 10;
// Of the reserve, these must be free on the disk itself: two segments of the journal for enqueues,
// and what is left to completions when attempts may save nothing more.
constexpr uint64_t kFreeForEnqueuesMax = uint64_t{64} << 20;
constexpr uint64_t kFreeForCompletionsMax = uint64_t{32} << 20;

uint64_t Beyond(uint64_t bytes, uint64_t kept) { return bytes > kept ? bytes - kept : 0; }

}  // namespace

SpaceGuard::SpaceGuard(Disk* disk, Journal* journal, Store* store, Options options, Log log)
    : disk_(disk),
      journal_(journal),
      store_(store),
      options_(std::move(options)),
      log_(std::move(log)),
      // It may be there from before, whole or in part.
      has_ballast_(disk->Open(BallastPath(options_.directory), Disk::Mode::kRead).ok()) {}

Status SpaceGuard::Check(uint64_t waiting_bytes) {
  MutexLock lock(mutex_);
  TREADLE_ASSIGN_OR_RETURN(const bool has_spare, HasSpare());
  TREADLE_ASSIGN_OR_RETURN(const uint64_t free, disk_->FreeBytes(options_.directory));
  const uint64_t reserve = options_.reserve_bytes;
  // Only where they can matter: most disks are never so full.
  const bool may_be_short = free < 2 * reserve || !has_ballast_;
  const uint64_t reusable = may_be_short ? Reusable(waiting_bytes) : 0;
  const uint64_t floor = std::min(reserve / 2, kFreeForEnqueuesMax);
  const auto is_enough = [&](uint64_t bytes) {
    return bytes >= floor && bytes + reusable >= reserve;
  };
  if (has_spare && !has_ballast_ && is_enough(Beyond(free, options_.ballast_bytes)))
    TREADLE_RETURN_IF_ERROR(MakeBallast());
  const bool has_ballast = has_ballast_ || reusable >= 2 * options_.ballast_bytes;
  const bool enough = has_spare && has_ballast && !is_starved_ && is_enough(free);
  room_ = Beyond(free + reusable, reserve);
  spendable_ = std::min(Beyond(free, floor), room_.load());
  savable_ = Beyond(free, std::min(reserve / 4, kFreeForCompletionsMax));
  if (refuses_.exchange(!enough) == !enough) return {};
  log_(enough ? "the disk has room again: new tasks are accepted"
              : "the disk of " + options_.directory + " is nearly full (" +
                    std::to_string(free >> 20) +
                    " MiB free): new tasks are refused until there is room, and running tasks "
                    "continue");
  return {};
}

Result<bool> SpaceGuard::HasSpare() {
  Status room = journal_->MakeRoom();
  if (room.code() == Code::kResourceExhausted) {
    TREADLE_ASSIGN_OR_RETURN(const bool gained, RemoveBallast());
    if (gained) room = journal_->MakeRoom();
  }
  if (room.ok()) return true;
  return room.code() == Code::kResourceExhausted ? Result<bool>(false) : room;
}

// Twice what waits: small tasks take more of the store than of the journal.
uint64_t SpaceGuard::Reusable(uint64_t waiting_bytes) const {
  if (waiting_bytes > UINT64_MAX / 2) return 0;
  const Result<uint64_t> pages = store_->ReusableBytes();
  return pages.ok() ? Beyond(*pages, 2 * waiting_bytes) : 0;
}

Result<bool> SpaceGuard::NoteFull() {
  is_starved_ = true;
  if (!refuses_.exchange(true))
    log_("the disk of " + options_.directory +
         " is full: new tasks are refused until there is room, and running tasks continue");
  MutexLock lock(mutex_);
  return RemoveBallast();
}

Result<bool> SpaceGuard::RemoveBallast() {
  if (!std::exchange(has_ballast_, false)) return false;
  if (!disk_->Remove(BallastPath(options_.directory)).ok()) return false;
  TREADLE_RETURN_IF_ERROR(disk_->SyncDirectory(options_.directory));
  return true;
}

Status SpaceGuard::MakeBallast() {
  if (is_starved_ || checks_until_ballast_-- > 0) return {};
  TREADLE_ASSIGN_OR_RETURN(const bool made, FillBallast());
  checks_until_ballast_ = made ? 0 : kChecksBetweenBallasts;
  return {};
}

Result<bool> SpaceGuard::FillBallast() {
  TREADLE_CHECK(!has_ballast_);
  const std::string path = BallastPath(options_.directory);
  TREADLE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                           disk_->Open(path, Disk::Mode::kCreate));
  TREADLE_ASSIGN_OR_RETURN(uint64_t size, file->Size());
  const std::string zeros(size_t{1} << 20, '\0');
  Status status;
  while (status.ok() && size < options_.ballast_bytes) {
    const uint64_t n = std::min<uint64_t>(zeros.size(), options_.ballast_bytes - size);
    status = file->Write(size, std::string_view(zeros).substr(0, n));
    size += n;
  }
  if (status.ok()) status = file->Sync();
  has_ballast_ = true;  // also if it is only a part: RemoveBallast() takes it away
  if (status.ok()) return true;
  if (status.code() != Code::kResourceExhausted) return status;
  TREADLE_RETURN_IF_ERROR(RemoveBallast().status());
  return false;
}

}  // namespace treadle
