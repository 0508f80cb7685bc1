#include "sim/sim_vfs_locks.h"

#include "base/check.h"

namespace treadle::sim {

int SharedFile::Lock(LockHolder* holder, int level) {
  if (holder->level >= level) return SQLITE_OK;
  if (level == SQLITE_LOCK_SHARED) {
    if (writer != nullptr && writer->level >= SQLITE_LOCK_PENDING) return SQLITE_BUSY;
    ++readers;
    holder->level = SQLITE_LOCK_SHARED;
    return SQLITE_OK;
  }
  TREADLE_CHECK(holder->level >= SQLITE_LOCK_SHARED);
  if (writer != nullptr && writer != holder) return SQLITE_BUSY;
  writer = holder;
  if (level == SQLITE_LOCK_EXCLUSIVE && readers > 1) {
    holder->level = SQLITE_LOCK_PENDING;  // keeps out new readers until the others have left
    return SQLITE_BUSY;
  }
  holder->level = level;
  return SQLITE_OK;
}

void SharedFile::Unlock(LockHolder* holder, int level) {
  if (holder->level <= level) return;
  if (writer == holder) writer = nullptr;
  if (level == SQLITE_LOCK_NONE) --readers;
  holder->level = level;
}

void* SharedFile::MapShm(LockHolder* holder, size_t region, size_t size, bool extend) {
  if (!holder->shm_mapped) {
    holder->shm_mapped = true;
    ++shm_users;
  }
  while (extend && regions.size() <= region) regions.push_back(std::make_unique<char[]>(size));
  return region < regions.size() ? regions[region].get() : nullptr;
}

int SharedFile::LockShm(LockHolder* holder, unsigned slots, bool exclusive) {
  for (unsigned slot = 0; slot < SQLITE_SHM_NLOCK; ++slot) {
    const unsigned bit = 1U << slot;
    if ((slots & bit) == 0) continue;
    const int own = (holder->shm_shared & bit) != 0 ? 1 : 0;
    if ((slots_exclusive & bit & ~holder->shm_exclusive) != 0) return SQLITE_BUSY;
    if (exclusive && slot_readers[slot] > own) return SQLITE_BUSY;
  }
  if (exclusive) {
    holder->shm_exclusive |= slots;
    slots_exclusive |= slots;
    return SQLITE_OK;
  }
  for (unsigned slot = 0; slot < SQLITE_SHM_NLOCK; ++slot)
    if ((slots & ~holder->shm_shared & (1U << slot)) != 0) ++slot_readers[slot];
  holder->shm_shared |= slots;
  return SQLITE_OK;
}

void SharedFile::UnlockShm(LockHolder* holder, unsigned slots) {
  slots_exclusive &= ~(holder->shm_exclusive & slots);
  holder->shm_exclusive &= ~slots;
  for (unsigned slot = 0; slot < SQLITE_SHM_NLOCK; ++slot)
    if ((slots & holder->shm_shared & (1U << slot)) != 0) --slot_readers[slot];
  holder->shm_shared &= ~slots;
}

void SharedFile::UnmapShm(LockHolder* holder) {
  if (!holder->shm_mapped) return;
  UnlockShm(holder, ~0U);
  holder->shm_mapped = false;
  if (--shm_users == 0) regions.clear();
}

}  // namespace treadle::sim
