// Recovery: an engine as it was, from store and journal.
#pragma once

#include <memory>

#include "base/time.h"
#include "engine/engine.h"
#include "journal/journal.h"
#include "shard/recovery_progress.h"
#include "store/store.h"

namespace treadle {

struct Recovered {
  std::unique_ptr<Engine> engine;
  StoreMeta meta;         // of the store
  ShardTime now;          // of the last frame; after ResumeTime(), where shard time continues
  uint64_t replayed = 0;  // frames
};

/// Loads what the engine keeps in memory, and replays the journal after the store's last frame.
/// Changes nothing on disk. DATA_LOSS: store and journal do not fit together, or hold damage.
/// `progress` may be null.
Result<Recovered> Recover(ShardId shard, Journal* journal, Store* store,
                          RecoveryProgress* progress = nullptr);

/// Moves shard time by what has passed since the store was written, and gives every running task a
/// full lease. To be called when the node is about to run: time that passes between this and the
/// node's first look at its clock is lost to shard time, and comes back at once with the next
/// opening, which would end waits early.
void ResumeTime(Recovered* recovered, WallTime wall_now);

}  // namespace treadle
