// SimDisk: a disk in memory that loses what was not synced.
//
// Writes and truncations of a file are pending until its Sync(); creations, renames and removals
// until SyncDirectory(). A crash decides by the seed what becomes of everything pending. Of a file
// any of the changes may survive, whatever came before or after them, and a write may be torn at a
// 512-byte sector of the file; of the directories a prefix of the changes survives, as with a file
// system that journals them. Directories themselves are durable at once.
//
// It can die at any single operation, fill up, fail a sync, flip bits and misread them. The same
// seed and calls give the same disk. One thread at a time. Locks and handles from before a crash
// stay harmless; all must be gone before the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/random.h"
#include "sim/faults.h"

namespace treadle::sim {

class SimDisk final : public Disk {
 public:
  explicit SimDisk(uint64_t seed) : random_(seed) {}

  /// The machine dies at the n-th operation that changes something, from 1. That one may be done,
  /// in part or not at all; it and all later calls fail with UNAVAILABLE until Restart().
  void CrashAt(uint64_t n) { crash_at_ = operations_ + n; }
  void CancelCrash() { crash_at_ = 0; }
  bool dead() const { return dead_; }
  /// It dies now.
  void Die() { dead_ = true; }
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
  /// The next sync of a file or directory fails, or the one that comes after so many. What was
  /// pending in the file can still be read, but no later sync will make it durable: it has reached
  /// the disk by now, or never will.
  void FailNextSync(uint64_t after = 0) { fail_sync_in_ = after + 1; }
  /// The next read of a segment of the journal that can hurt has one bit wrong, or the one that
  /// comes after so many; what is on the disk is well. Spares the last two writes of each file: a
  /// wrong bit in a frame that no later one speaks of cannot be told from a torn end.
  void MisreadNext(uint64_t after = 0) { misread_in_ = after + 1; }
  /// Nothing that was asked for and has not happened yet will.
  void Soothe() { fail_sync_in_ = misread_in_ = 0, CancelCrash(); }
  /// Counts what happens. Borrowed; null: nobody.
  void CountIn(Faults* faults) { faults_ = faults; }
  /// Syncs that failed, bits that were misread, and writes for which there was no room, so far:
  /// reasons for a node to stop.
  uint64_t insults() const { return insults_; }
  uint64_t failed_syncs() const { return failed_syncs_; }
  /// Called by FreeBytes(): what happens meanwhile, for example time that passes. May be empty.
  std::function<void()> while_it_looks;
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
    uint64_t last_write = 0;  // where the last one began, and the one before it
    uint64_t second_last_write = 0;
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
  void Count(Fault fault);
  /// Misreads one bit of what was read of `inode` at `offset`, if that is due and can hurt.
  void Misread(const Inode& inode, uint64_t offset, char* out, size_t size);
  bool FailsSync();
  /// How many of `size` bytes at `offset` there is room for.
  uint64_t Fitting(const Inode& inode, uint64_t offset, uint64_t size) const;

  SeededRandom random_;
  uint64_t operations_ = 0;
  uint64_t crash_at_ = 0;
  uint64_t generation_ = 0;  // rises with each restart; older handles are dead
  uint64_t capacity_ = UINT64_MAX;
  bool dead_ = false;
  uint64_t fail_sync_in_ = 0;  // syncs; 0: none fails
  uint64_t misread_in_ = 0;    // reads; 0: none is wrong
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
