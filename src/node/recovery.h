// Recovery: an engine as it was, from store and journal.
#pragma once

#include <memory>

#include "base/time.h"
#include "engine/engine.h"
#include "journal/journal.h"
#include "store/store.h"

namespace treadle {

struct Recovered {
  std::unique_ptr<Engine> engine;
  StoreMeta meta;         // of the store
  ShardTime now;          // where shard time goes on
  uint64_t replayed = 0;  // frames
};

/// Loads what the engine keeps at hand, replays the journal after the store's last frame, and gives
/// every running task a full lease. Changes nothing on disk. DATA_LOSS: store and journal do not
/// fit together, or hold damage.
Result<Recovered> Recover(ShardId shard, Journal* journal, Store* store, WallTime wall_now);

}  // namespace treadle
