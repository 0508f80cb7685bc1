// FileRoom: makes the file of a store as long as a commit needs it, before the commit.
//
// SQLite commits pages to its write-ahead log and moves them into the file later. If the disk is
// full by then, and some of them lie beyond the end of the file, the log can be neither moved nor
// reused. Each further commit, even one that only removes, would need a longer log: with a full
// disk nothing could make room any more. So the file grows first. A full disk then refuses the
// commit, and the log can always be moved.
//
// One thread, that of the connection.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "store/sqlite/sqlite.h"

namespace treadle {

class FileRoom {
 public:
  /// `file`: a descriptor of the file of `db`, in which the file system reserves room; -1: room is
  /// made by writing zeros. Borrows both. Closing the descriptor takes away every lock that this
  /// process has on the file, so it is closed after all connections.
  FileRoom(Connection* db, int file);

  /// In a transaction, when all of it is written but the commit. RESOURCE_EXHAUSTED: the disk is
  /// full, so do not commit.
  Status Take();
  /// After a transaction that failed: gives back what no committed page needs. It is no error if
  /// that fails; the next checkpoint of the log does the same.
  void GiveBack();

 private:
  Result<uint64_t> BytesNeeded();
  int Extend(uint64_t from, uint64_t to);
  int WriteZeros(uint64_t from, uint64_t to);

  Connection* db_;
  int file_;
  uint64_t page_bytes_ = 0;  // 0: not known yet
  Statement pages_;
  Statement begin_nested_;
  Statement end_nested_;
};

}  // namespace treadle
