// SpaceGuard: sees a full disk coming. Enqueues are refused early; completions and a checkpoint
// still fit.
//
// Three things stand between a node and ENOSPC: the reserve (enqueues stop while less is free), the
// journal's spare segment, and the ballast file, which is given up when even that is short. Check()
// on the checkpoint lane; the rest any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "base/disk.h"
#include "base/status.h"
#include "base/thread_annotations.h"
#include "journal/journal.h"

namespace treadle {

class SpaceGuard {
 public:
  using Log = std::function<void(const std::string&)>;

  /// Borrows `disk` and `journal`.
  SpaceGuard(Disk* disk, Journal* journal, std::string directory, uint64_t reserve_bytes,
             uint64_t ballast_bytes, Log log);

  /// Looks at the disk, keeps a spare segment and the ballast ready, and decides whether enqueues
  /// are accepted. An error is one that the node must stop for; a full disk is none.
  Status Check();

  static std::string BallastPath(const std::string& directory) { return directory + "/ballast"; }

  /// Gives up the ballast so that a checkpoint may fit. True if there was one. An error is one that
  /// the node must stop for: a sync has failed.
  Result<bool> GiveUpBallast();

  bool refuses() const { return refuses_.load(std::memory_order_relaxed); }
  /// What may be written before the next Check() without touching the reserve, as of the last one.
  uint64_t spendable_bytes() const { return spendable_.load(std::memory_order_relaxed); }

 private:
  Status MakeBallast() TREADLE_REQUIRES(mutex_);
  Result<bool> RemoveBallast() TREADLE_REQUIRES(mutex_);

  Disk* disk_;
  Journal* journal_;
  std::string directory_;
  uint64_t reserve_bytes_;
  uint64_t ballast_bytes_;
  Log log_;
  Mutex mutex_;
  bool has_ballast_ TREADLE_GUARDED_BY(mutex_);
  std::atomic<bool> refuses_{false};
  std::atomic<uint64_t> spendable_{0};
};

}  // namespace treadle
