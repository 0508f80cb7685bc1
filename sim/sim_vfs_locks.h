// The locks and the shared memory that SQLite connections of one process share for one file
// (sqlite.org/lockingv3.html, sqlite.org/walformat.html). Not thread safe: SimVfs holds its mutex.
#pragma once

#include <sqlite3.h>

#include <array>
#include <memory>
#include <vector>

namespace treadle::sim {

struct SharedFile;

/// What one open file holds of a SharedFile.
struct LockHolder {
  SharedFile* file = nullptr;
  int level = SQLITE_LOCK_NONE;
  unsigned shm_shared = 0;     // bit n: holds slot n, shared
  unsigned shm_exclusive = 0;  // bit n: holds slot n, exclusive
  bool shm_mapped = false;
};

/// All open files of one path. Calls return SQLITE_OK or SQLITE_BUSY.
struct SharedFile {
  using Region = std::unique_ptr<char[]>;

  int Lock(LockHolder* holder, int level);
  void Unlock(LockHolder* holder, int level);
  bool IsReserved() const { return writer != nullptr; }

  /// The region's memory. Null if it does not exist and `extend` is false.
  void* MapShm(LockHolder* holder, size_t region, size_t size, bool extend);
  int LockShm(LockHolder* holder, unsigned slots, bool exclusive);
  void UnlockShm(LockHolder* holder, unsigned slots);
  /// The last user frees the memory.
  void UnmapShm(LockHolder* holder);

  int opens = 0;
  int readers = 0;               // holders of SHARED or more
  LockHolder* writer = nullptr;  // holder of RESERVED or more
  std::vector<Region> regions;
  int shm_users = 0;
  std::array<int, SQLITE_SHM_NLOCK> slot_readers{};
  unsigned slots_exclusive = 0;
};

}  // namespace treadle::sim
