// SpaceGuard: sees a full disk coming. Enqueues are refused early; completions and a checkpoint
// still fit.
//
// Three things protect a node from ENOSPC: the reserve (enqueues stop while less is free), the
// journal's spare segment, and the ballast file, which is given up when even that is short. Free
// pages of the store count: the reserve is for a checkpoint as much as for the journal, and a
// checkpoint fills them before the store grows. So a store that has been drained takes tasks again
// though its file is as large as before. Some of the reserve must be free on the disk all the same,
// for the journal.
//
// The system may report room where there is none (a quota, a limit for the size of a
// file). Then a checkpoint or the journal finds out: NoteFull(). Until a checkpoint has succeeded
// and there is a ballast again, enqueues are refused.
//
// Check() on one executor; the rest any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "base/disk.h"
#include "base/status.h"
#include "base/thread_annotations.h"
#include "journal/journal.h"
#include "store/store.h"

namespace treadle {

class SpaceGuard {
 public:
  using Log = std::function<void(const std::string&)>;

  struct Options {
    std::string directory;
    uint64_t reserve_bytes;
    uint64_t ballast_bytes;
  };
  /// `waiting_bytes` when nobody knows how much the store is behind: its free pages do not count.
  static constexpr uint64_t kUnknown = UINT64_MAX;

  /// Borrows `disk`, `journal` and `store`.
  SpaceGuard(Disk* disk, Journal* journal, Store* store, Options options, Log log);

  /// Looks at the disk, keeps a spare segment and the ballast ready, and decides whether enqueues
  /// are accepted. `waiting_bytes`: of the journal, that the store is still to take in. An error is
  /// an error that the node must stop for; a full disk is not one.
  Status Check(uint64_t waiting_bytes);

  static std::string BallastPath(const std::string& directory) { return directory + "/ballast"; }

  /// The disk was too full for a write. Gives up the ballast, so that the next try may fit: true if
  /// there was one. An error is one that the node must stop for: a sync has failed.
  Result<bool> NoteFull();
  /// A checkpoint has succeeded.
  void NoteCheckpoint() { is_starved_ = false; }

  bool refuses() const { return refuses_.load(std::memory_order_relaxed); }
  /// What may be written before the next Check() without touching what is kept for completions, as
  /// of the last one.
  uint64_t spendable_bytes() const { return spendable_.load(std::memory_order_relaxed); }
  /// The same for what running attempts save, which may use most of the reserve.
  uint64_t savable_bytes() const { return savable_.load(std::memory_order_relaxed); }
  /// How far the disk is from being nearly full, with the free pages of the store.
  uint64_t room_bytes() const { return room_.load(std::memory_order_relaxed); }

 private:
  Result<bool> HasSpare() TREADLE_REQUIRES(mutex_);
  uint64_t Reusable(uint64_t waiting_bytes) const;
  Status MakeBallast() TREADLE_REQUIRES(mutex_);
  Result<bool> FillBallast() TREADLE_REQUIRES(mutex_);
  Result<bool> RemoveBallast() TREADLE_REQUIRES(mutex_);

  Disk* disk_;
  Journal* journal_;
  Store* store_;
  const Options options_;
  Log log_;
  Mutex mutex_;
  bool has_ballast_ TREADLE_GUARDED_BY(mutex_);
  int checks_until_ballast_ TREADLE_GUARDED_BY(mutex_) = 0;
  std::atomic<bool> is_starved_{false};
  std::atomic<bool> refuses_{false};
  std::atomic<uint64_t> spendable_{0};
  std::atomic<uint64_t> savable_{0};
  std::atomic<uint64_t> room_{0};
};

}  // namespace treadle
