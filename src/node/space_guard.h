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

  /// Gives up the ballast so that a checkpoint may fit. True if there was one.
  bool GiveUpBallast();

  bool refuses() const { return refuses_.load(std::memory_order_relaxed); }

 private:
  Status MakeBallast();

  Disk* disk_;
  Journal* journal_;
  std::string directory_;
  uint64_t reserve_bytes_;
  uint64_t ballast_bytes_;
  Log log_;
  bool has_ballast_ = false;
  std::atomic<bool> refuses_{false};
};

}  // namespace treadle
