// Pressure: what a shard refuses while its disk, its memory or its store is short of room.
//
// New tasks are refused first, and among them those of low priority; then what running attempts
// save; reports and leases never. SpaceGuard and MemoryGuard look once a second. In between, what
// was written to the journal since then counts as gone from both, and each new task as memory.
//
// On the shard's executor.
#pragma once

#include <cstdint>

#include "config/node_options.h"
#include "engine/commands.h"
#include "shard/checkpoints.h"
#include "shard/environment.h"
#include "shard/shard_services.h"

namespace treadle {

class Pressure {
 public:
  /// Borrows all.
  Pressure(ShardServices* shard, const ShardEnvironment& environment, const NodeOptions& options,
           const Checkpoints* checkpoints)
      : shard_(shard), env_(environment), options_(options), checkpoints_(checkpoints) {}

  /// Looks at disk and memory soon, and once a second from now on.
  void Begin();
  /// Looks soon.
  void Check();
  /// So many bytes were written, and there may be no room for the journal's next segment.
  void NoteWritten();

  Status RefuseEnqueue(const EnqueueCommand& command);
  Status RefuseSave();
  /// Enqueues may be refused for it alone.
  bool IsDiskNearlyFull();
  /// So much journal waits for a checkpoint that enqueues must.
  bool IsStoreBehind() const { return checkpoints_->backlog_bytes() > options_.backlog_bytes_max; }
  /// Disk or memory are nearly full, as of the last look at them.
  bool refuses() const { return env_.space->refuses() || !env_.memory->Refusal().ok(); }

 private:
  uint64_t written() const { return shard_->stats().journal_bytes - written_at_check_; }
  /// About the memory that was taken since the last look.
  uint64_t taken() const;
  Status RefuseForBacklog() const;
  Status RefuseForMemory();

  ShardServices* const shard_;
  const ShardEnvironment& env_;
  const NodeOptions& options_;
  const Checkpoints* const checkpoints_;
  bool check_posted_ = false;
  // When disk and memory were last looked at.
  uint64_t written_at_check_ = 0;  // journal bytes
  uint64_t tasks_at_check_ = 0;
};

}  // namespace treadle
