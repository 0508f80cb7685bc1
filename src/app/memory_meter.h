// What memory this process has, and what bounds it.
#pragma once

#include <cstdint>

#include "cli/cli.h"
#include "shard/memory_guard.h"

namespace treadle::app {

/// The bound for a server that was given none: four fifths of what the machine or the control group
/// has.
uint64_t DefaultMemoryMax();

/// Measures this process against `memory_max_bytes` and the limits that prlimit(1) sets, and tells
/// of the one with the least room. Any thread; some 20 µs.
MemoryUse MeasureMemory(uint64_t memory_max_bytes);

/// `options`, with those that take memory made smaller where this process may not have much:
/// bodies, payloads, and the journal between two checkpoints.
config::ServerOptions FitToMemory(config::ServerOptions options);

}  // namespace treadle::app
