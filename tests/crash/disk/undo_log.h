// UndoLog: keeps what files held before they were written to, until a sync makes that durable.
//
// It lies in the directory that TREADLE_DISK_UNDO names (none: nothing is kept), on the same file
// system and outside of the one that is looked after:
//
//   log        records, each written before the operation that it speaks of (the format: Record)
//   files/INO  another name of every file that was opened, so that what was removed can come back
//
// Records outlive the process: after kill -9, power_cut.py reads them and puts back what was not
// synced. What a sync covers is noted, not forgotten here. With TREADLE_DISK_LIES set no sync is
// noted, though all of them succeed: a disk that lies, or a program that does not sync.
//
// Thread rule: the caller holds the lock of the whole layer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace treadle::crash {

/// Precedes the old bytes and the names. Written as it lies in memory; power_cut.py knows it.
struct Record {
  char magic[4] = {'U', 'N', 'D', 'O'};
  // w write, t truncate, s sync, p a sync that failed; c create, u unlink, r rename, d sync of a
  // directory.
  char kind = 0;
  char reserved[3] = {};
  uint64_t number = 0;      // rising; of s, p, d: operations below it are meant
  uint64_t file = 0;        // inode
  uint64_t replaced = 0;    // of r: the inode that lost its name, or 0
  uint64_t offset = 0;      // of w
  uint64_t size = 0;        // of w: bytes written; of t: the new size of the file
  uint64_t old_size = 0;    // of the file
  uint64_t old_offset = 0;  // of the old bytes
  uint32_t old_bytes = 0;   // that follow
  uint32_t name_bytes = 0;  // that follow them: a name, or of r two with a zero between them
};
static_assert(sizeof(Record) == 72);

class UndoLog {
 public:
  UndoLog();

  bool is_kept() const { return log_ >= 0; }
  /// Gives the open file its other name. Its inode.
  uint64_t Adopt(int fd, const char* path);

  void Write(int fd, uint64_t file, uint64_t offset, uint64_t size);
  void Truncate(int fd, uint64_t file, uint64_t size);
  void Create(uint64_t file, const std::string& name);
  void Unlink(uint64_t file, const std::string& name);
  void Rename(uint64_t file, uint64_t replaced, const std::string& from, const std::string& to);
  /// What a sync that begins now will cover.
  uint64_t Now() const { return next_; }
  void Synced(uint64_t file, uint64_t before);
  void SyncFailed(uint64_t file, uint64_t before);
  void DirectorySynced(const std::string& name, uint64_t before);

 private:
  void Append(Record record, std::string_view old, std::string_view name);

  std::string files_;
  int log_ = -1;
  bool lies_ = false;
  uint64_t next_ = 1;
};

}  // namespace treadle::crash
