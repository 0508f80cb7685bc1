// Operations: numbers what a process does to the files below one directory. It can make one of
// these operations fail, or kill the process at it.
//
// Environment variables control everything. Without the first, nothing happens:
//
//   TREADLE_DISK_DIRECTORY   the absolute path; files elsewhere and SQLite's shared memory are not
//                            affected
//   TREADLE_DISK_SYNC_MS     syncs take this much longer, as on a slower disk
//   TREADLE_DISK_STALL       while this file exists, writes and syncs of the files that
//                            TREADLE_DISK_ONLY selects hang
//   TREADLE_DISK_TRACE       a file that gets a line for each operation: number, kind, name
//   TREADLE_DISK_ONLY        number only operations whose file name contains this
//   TREADLE_DISK_DIE_AT      the process kills itself before the operation of this number (from 1)
//   TREADLE_DISK_DIE_HALF    if set: after half of that write, or after another kind of operation
//   TREADLE_DISK_FAIL_AT     the operation of this number fails
//   TREADLE_DISK_FAIL_EVERY  and every Nth operation after it
//   TREADLE_DISK_ERROR       how it fails: EIO (default), ENOSPC, or short: half a write is
//                            done and reported as such (then only writes fail)
//
// Thread rule: callers of Begin() and Die() must hold the lock of the layer.
#pragma once

#include <cstdint>
#include <string>

namespace treadle::crash {

enum class Kind { kWrite, kTruncate, kSync, kSyncDirectory, kCreate, kRename, kUnlink, kMkdir };

/// What happens to an operation.
struct Verdict {
  int error = 0;           // it fails with this, and nothing is done
  bool is_short = false;   // half of it is done, and the caller learns that
  bool dies_half = false;  // half of it is done, then Die()
};

class Operations {
 public:
  Operations();

  /// The name of a tracked file relative to the directory; "" for the directory itself; null for
  /// any other path.
  const char* NameOf(const char* path) const;

  unsigned int sync_ms() const { return sync_ms_; }
  /// Call without the lock, so that other files continue.
  void WaitWhileStalled(const std::string& name) const;
  Verdict Begin(Kind kind, const std::string& name);
  /// Kills the process. The caller keeps the lock, so that no other thread does anything more.
  [[noreturn]] static void Die();

 private:
  std::string directory_;
  std::string only_;
  std::string error_;
  std::string stall_;
  int trace_ = -1;
  unsigned int sync_ms_ = 0;
  uint64_t number_ = 0;
  uint64_t die_at_ = 0;
  bool die_half_ = false;
  uint64_t fail_at_ = 0;
  uint64_t fail_every_ = 0;
};

}  // namespace treadle::crash
