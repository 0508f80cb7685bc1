// StateDigest: a hash of all that a shard's engine knows and a crash must not change. For comparing
// the state before a crash with the state after recovery, as of the same frame.
#pragma once

#include <cstdint>

#include "engine/engine.h"

namespace treadle::sim {

/// Leaves out what is memory only: when leases end, which parts of tasks are at hand.
uint64_t StateDigest(const Engine& engine);

}  // namespace treadle::sim
