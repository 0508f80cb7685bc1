// LoadStore(): what the store holds, taken into memory.
#pragma once

#include "base/status.h"
#include "engine/state.h"
#include "shard/recovery_progress.h"
#include "store/store.h"

namespace treadle {

/// Reads all of `store` into `state`, which has nothing yet. DATA_LOSS: rows that make no sense. Of
/// a store with many tasks the rows are read and checked on the caller's thread, and taken in on a
/// second one, which has ended on return: each is about half of the work. Counts in `progress`.
Status LoadStore(Store* store, State* state, RecoveryProgress* progress);

}  // namespace treadle
