// StateDigest: a hash of everything that a shard's engine knows and that a crash must not change.
// Compares the state before a crash with the state after recovery, at the same frame.
#pragma once

#include <cstdint>

#include "engine/engine.h"

namespace treadle::sim {

/// Leaves out what exists only in memory: lease deadlines, and which parts of tasks are loaded.
uint64_t StateDigest(const Engine& engine);

}  // namespace treadle::sim
