// SimDisk: a disk in memory that loses what was not synced.
//
// Writes and truncations of a file are pending until its Sync(); creations, renames and removals
// until SyncDirectory(). A crash decides by the seed what becomes of everything pending. Of a file
// any of the changes may survive, whatever came before or after them, and a write may be torn at a
// 512-byte sector of the file; of the directories a prefix of the changes survives, as with a file
// system that journals them. Directories themselves are durable at once.
//
// It can die at any single operation, fill up, fail a sync and flip bits. The same seed and calls
// give the same disk. One thread at a time. Locks and handles from before a crash stay harmless;
// all must be gone before the disk.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/random.h"

namespace treadle::sim {

class SimDisk final : public Disk {
 public:
  explicit SimDisk(uint64_t seed) : random_(seed) {}

  /// The machine dies at the n-th operation that changes something, from 1. That one may be done,
  /// in part or not at all; it and all later calls fail with UNAVAILABLE until Restart().
  void CrashAt(uint64_t n) { crash_at_ = operations_ + n; }
  void CancelCrash() { crash_at_ = 0; }
  bool dead() const { return dead_; }
  /// The machine crashes, if it has not done so, and comes back: only what survived is there, and
  /// all locks are free.
  void Restart();
  /// Only the process died: what it wrote is there, but no more durable than before.
  void RestartProcess();
  /// Operations that change something, so far.
  uint64_t operations() const { return operations_; }

  /// Writes that would take more than this in all fail with RESOURCE_EXHAUSTED. UINT64_MAX: no
  /// bound.
  void SetCapacity(uint64_t bytes) { capacity_ = bytes; }
  /// Bytes of all files.
  uint64_t used() const;
  /// The next sync of a file or directory fails. What was pending in the file can still be read,
  /// but no later sync will make it durable: it has reached the disk by now, or never will.
  void FailNextSync() { fail_next_sync_ = true; }
  /// Changes what is on disk, durably. The file must be there and hold that byte, synced.
  void FlipBit(const std::string& path, uint64_t byte, unsigned bit);
  /// The file ends at `size`, durably.
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
  struct Change {
    bool truncates;
    uint64_t offset;  // or the new size
    std::string data;
  };
  struct Inode {
    std::string now;
    std::string durable;
    std::vector<Change> pending;
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  struct DirectoryChange {
    std::string from;  // empty: the file is new
    std::string to;    // empty: it is removed
    std::shared_ptr<Inode> inode;
  };

  /// Counts an operation. UNAVAILABLE once the disk is dead; `*dies` if this is the one at which it
  /// dies.
  Status Begin(const std::string& path, bool* dies);
  Status Dead(const std::string& path) const;
  static void Apply(const Change& change, std::string* content);
  static void Apply(const DirectoryChange& change, Names* names);
  enum class Fate { kAll, kNothing, kByChance };
  /// Decides what of a file's pending changes reaches the disk.
  void Survive(Inode* inode, Fate fate);
  void Tear(Change* change);
  /// How many of `size` bytes at `offset` there is room for.
  uint64_t Fitting(const Inode& inode, uint64_t offset, uint64_t size) const;

  SeededRandom random_;
  uint64_t operations_ = 0;
  uint64_t crash_at_ = 0;
  uint64_t generation_ = 0;  // rises with each restart; older handles are dead
  uint64_t capacity_ = UINT64_MAX;
  bool dead_ = false;
  bool fail_next_sync_ = false;
  Names names_;
  Names durable_names_;
  std::vector<DirectoryChange> pending_;
  std::set<std::string> directories_;
  std::set<std::string> locks_;
};

}  // namespace treadle::sim
