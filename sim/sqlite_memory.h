// What SQLite can do without in a program with one thread that runs many short worlds: locks, an
// account of its memory, and an allocator for all sizes and threads. They took a sixth of a seed.
#pragma once

namespace treadle::sim {

/// Before SQLite does anything, in a program that calls it on one thread only. `own_memory`: small
/// pieces come from lists by size. False for a sanitizer, which must see each piece.
void SetUpSqliteForOneThread(bool own_memory);

}  // namespace treadle::sim
