// UndoLog: keeps what files held before they were changed, until a sync makes the change durable.
//
// It lives in the directory that TREADLE_DISK_UNDO names (none: nothing is kept), on the same file
// system as the tracked directory and outside of it:
//
//   log        records, each written before its operation (format: Record)
//   files/INO  a second name of every file that was opened, so that removed files can come back
//
// Records outlive the process. After kill -9, power_cut.py reads them and undoes what was not
// synced. A sync does not delete the records it covers; it adds one that says so. With
// TREADLE_DISK_LIES set, syncs succeed but are not recorded, like a disk that lies or a program
// that does not sync.
//
// Thread rule: the caller holds the lock of the layer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace treadle::crash {

/// Precedes the old bytes and the names. Written in memory layout, which power_cut.py knows.
struct Record {
  char magic[4] = {'U', 'N', 'D', 'O'};
  // w write, t truncate, s sync, p failed sync; c create, u unlink, r rename, d directory sync.
  char kind = 0;
  char reserved[3] = {};
  uint64_t number = 0;      // rising; for s, p, d: covers the operations below it
  uint64_t file = 0;        // inode
  uint64_t replaced = 0;    // for r: the inode that lost its name, or 0
  uint64_t offset = 0;      // for w
  uint64_t size = 0;        // for w: bytes written; for t: the new size of the file
  uint64_t old_size = 0;    // of the file
  uint64_t old_offset = 0;  // of the old bytes
  uint32_t old_bytes = 0;   // number of old bytes that follow
  uint32_t name_bytes = 0;  // number of bytes after those: a name, or for r two with a zero between
                            // them
};
static_assert(sizeof(Record) == 72);

class UndoLog {
 public:
  UndoLog();

  bool is_kept() const { return log_ >= 0; }
  /// Gives the open file its second name. Returns its inode.
  uint64_t Adopt(int fd, const char* path);

  void Write(int fd, uint64_t file, uint64_t offset, uint64_t size);
  void Truncate(int fd, uint64_t file, uint64_t size);
  void Create(uint64_t file, const std::string& name);
  void Unlink(uint64_t file, const std::string& name);
  void Rename(uint64_t file, uint64_t replaced, const std::string& from, const std::string& to);
  /// A sync that begins now covers the operations below this.
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
