// SimDisk: an in-memory disk that loses what was not synced.
//
// Writes and truncations of a file are pending until its Sync(); creations, renames and removals
// are pending until SyncDirectory(). On a crash, the seed decides what happens to pending changes.
// Any subset of a file's changes may survive, and a write may be torn at a 512-byte sector of the
// file. Of the directory changes a prefix survives, as on a journaling file system. Directories
// themselves are durable at once.
//
// The disk can die at any operation, fill up, fail a sync, flip bits and misread them. The same
// seed and calls give the same disk. One thread at a time. Locks and handles from before a crash
// are harmless; all must be gone before the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/disk.h"
#include "base/random.h"
#include "sim/faults.h"

namespace treadle::sim {

class SimDisk final : public Disk {
 public:
  explicit SimDisk(uint64_t seed) : random_(seed) {}

  /// Kills the machine at the n-th operation that changes something, counted from 1. That operation
  /// may complete, complete in part, or not happen. It and all later calls fail with UNAVAILABLE
  /// until Restart().
  void CrashAt(uint64_t n) { crash_at_ = operations_ + n; }
  void CancelCrash() { crash_at_ = 0; }
  bool dead() const { return dead_; }
  /// Kills the machine now.
  void Die() { dead_ = true; }
  /// Crashes the machine unless that has happened, and brings it back. Only what survived is there,
  /// and all locks are free.
  void Restart();
  /// Restarts only the process: everything it wrote is there, but is no more durable than before.
  void RestartProcess();
  /// Number of operations so far that changed something.
  uint64_t operations() const { return operations_; }

  /// Writes that would take more than this in total fail with RESOURCE_EXHAUSTED. UINT64_MAX: no
  /// limit.
  void SetCapacity(uint64_t bytes) { capacity_ = bytes; }
  /// Total bytes of all files.
  uint64_t used() const;
  /// Fails the sync of a file or directory that comes after `after` others. Pending data of the
  /// file can still be read, but no later sync makes it durable: by then it has reached the disk,
  /// or it never will.
  void FailNextSync(uint64_t after = 0) { fail_sync_in_ = after + 1; }
  /// Flips one bit in a read of a journal segment, the one after `after` others; counts only reads
  /// where the flip can hurt. The disk itself stays intact. Spares the last two writes of each
  /// file, because a wrong bit in a frame that no later frame refers to looks like a torn end.
  void MisreadNext(uint64_t after = 0) { misread_in_ = after + 1; }
  /// Cancels all requested faults that have not happened yet.
  void Soothe() { fail_sync_in_ = misread_in_ = 0, CancelCrash(); }
  /// Where to count faults. Borrowed; null: nowhere.
  void CountIn(Faults* faults) { faults_ = faults; }
  /// Failed syncs, misread bits and writes that did not fit, so far: reasons for a node to stop.
  uint64_t insults() const { return insults_; }
  uint64_t failed_syncs() const { return failed_syncs_; }
  /// Called by FreeBytes(), for example to let time pass meanwhile. May be empty.
  std::function<void()> while_it_looks;
  /// Changes a bit on disk, durably. The file must exist and that byte must be synced.
  void FlipBit(const std::string& path, uint64_t byte, unsigned bit);
  /// Truncates the file to `size`, durably.
  void Cut(const std::string& path, uint64_t size);

  Result<std::unique_ptr<File>> Open(const std::string& path, Mode mode) override;
  Status CreateDirectory(const std::string& path) override;
  Result<std::vector<std::string>> List(const std::string& directory) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Status SyncDirectory(const std::string& path) override;
  Result<uint64_t> FreeBytes(const std::string& path) override;
  Result<std::unique_ptr<DiskLock>> Lock(const std::string& path) override;

 private:
  friend class SimFile;
  friend class SimLock;
  // A pending change knows what it replaced, not what it wrote, so that a sync is cheap: it forgets
  // the changes. Crashes are rare. Only they go back, which turns each change around.
  struct Change {
    bool truncates;
    uint64_t offset;     // or the new size
    uint64_t bytes = 0;  // of a write
    uint64_t size_before = 0;
    std::string before;  // bytes at `offset` that this change replaced or cut off
    std::string data;    // bytes that a write wrote. Empty until needed; see Fork()
  };
  struct Inode {
    std::string now;
    // Set if undoing the pending changes would not lead from `now` to what is durable: after a
    // failed sync, and while the disk decides what survives.
    std::optional<std::string> durable;
    std::vector<Change> pending;
    uint64_t last_write = 0;  // the last two places at which a write began
    uint64_t second_last_write = 0;
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  struct DirectoryChange {
    std::string from;  // empty: the file is new
    std::string to;    // empty: it is removed
    std::shared_ptr<Inode> inode;
  };

  /// Counts an operation. UNAVAILABLE once the disk is dead. `*dies`: the disk dies at this one.
  Status Begin(const std::string& path, bool* dies);
  Status Dead(const std::string& path) const;
  /// Writes `data` at `offset`; what is between the end of the file and `offset` becomes zeros.
  static void Overwrite(uint64_t offset, std::string_view data, std::string* content);
  /// Makes the change, which becomes pending.
  static void Make(Change change, std::string_view data, Inode* inode);
  static void Apply(const Change& change, std::string* content);
  /// Takes back a change that `content` has, and keeps what it wrote.
  static void Undo(Change* change, std::string* content);
  /// Sets `durable`, and lets all pending changes have what they wrote.
  static void Fork(Inode* inode);
  static void Apply(const DirectoryChange& change, Names* names);
  enum class Fate { kAll, kNothing, kByChance };
  /// Decides which pending changes of a file reach the disk.
  void Survive(Inode* inode, Fate fate);
  void Tear(Change* change);
  void Count(Fault fault);
  /// Flips one bit of what was read from `inode` at `offset`, if a misread is due and can hurt.
  void Misread(const Inode& inode, uint64_t offset, char* out, size_t size);
  bool FailsSync();
  /// How many of the `size` bytes at `offset` fit on the disk.
  uint64_t Fitting(const Inode& inode, uint64_t offset, uint64_t size) const;

  SeededRandom random_;
  uint64_t operations_ = 0;
  uint64_t crash_at_ = 0;
  uint64_t generation_ = 0;  // rises with each restart; handles of older generations are dead
  uint64_t capacity_ = UINT64_MAX;
  bool dead_ = false;
  uint64_t fail_sync_in_ = 0;  // syncs until one fails; 0: none will
  uint64_t misread_in_ = 0;    // reads until one is wrong; 0: none will be
  uint64_t insults_ = 0;
  uint64_t failed_syncs_ = 0;
  Faults* faults_ = nullptr;
  Names names_;
  Names durable_names_;
  std::vector<DirectoryChange> pending_;
  std::set<std::string> directories_;
  std::set<std::string> locks_;
};

}  // namespace treadle::sim
