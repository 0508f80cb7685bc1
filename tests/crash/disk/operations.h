// Operations: numbers what a process does to the files below one directory, and lets one of these
// operations fail, or the process die at it.
//
// All of it is asked for by environment variables, and nothing happens without the first:
//
//   TREADLE_DISK_DIRECTORY   the absolute path; what lies elsewhere, or is SQLite's shared memory,
//                            is left alone
//   TREADLE_DISK_SYNC_MS     a sync takes so much longer, as on a slower disk
//   TREADLE_DISK_STALL       while this file exists, writes and syncs of what TREADLE_DISK_ONLY
//                            names hang
//   TREADLE_DISK_TRACE       a file that gets a line for each operation: number, kind, name
//   TREADLE_DISK_ONLY        number only operations whose name has this in it
//   TREADLE_DISK_DIE_AT      the process kills itself at this number (from 1), before the operation
//   TREADLE_DISK_DIE_HALF    if set: after half of that write, or after another kind of operation
//   TREADLE_DISK_FAIL_AT     the operation of this number fails
//   TREADLE_DISK_FAIL_EVERY  and every so many after it
//   TREADLE_DISK_ERROR       how: EIO (default), ENOSPC, or short: half a write is done and said so
//                            (other kinds of operation then do not fail)
//
// Thread rule: Begin() and Die() want the caller to hold the lock of the whole layer.
#pragma once

#include <cstdint>
#include <string>

namespace treadle::crash {

enum class Kind { kWrite, kTruncate, kSync, kSyncDirectory, kCreate, kRename, kUnlink, kMkdir };

/// What is to become of an operation.
struct Verdict {
  int error = 0;           // it fails with this, and nothing is done
  bool is_short = false;   // half of it is done, and the caller is told so
  bool dies_half = false;  // half of it, then Die()
};

class Operations {
 public:
  Operations();

  /// The name of a file below the directory, relative to it, if it is one that counts; "" for the
  /// directory itself; null otherwise.
  const char* NameOf(const char* path) const;

  unsigned int sync_ms() const { return sync_ms_; }
  /// Without the lock: other files go on.
  void WaitWhileStalled(const std::string& name) const;
  Verdict Begin(Kind kind, const std::string& name);
  /// Kills the process; the caller keeps the lock, so that no thread does anything more.
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
