// What a node is to do and where: see node/node.h. Plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"

namespace treadle {

struct NodeOptions {
  std::string directory;
  ShardId shard = 1;
  enum class Durability { kFsync, kInterval } durability = Durability::kFsync;
  /// Enqueues are refused while the file system has less than this free.
  uint64_t disk_reserve_bytes = uint64_t{128} << 20;
  /// Kept as a file and given up when the disk is full: room for one more segment, and for a
  /// checkpoint beside it.
  uint64_t ballast_bytes = uint64_t{48} << 20;
  /// A checkpoint begins after this much journal, or this long after a change.
  uint64_t checkpoint_bytes = uint64_t{32} << 20;
  int64_t checkpoint_ms = 2'000;
  /// It writes to the store in transactions of about this size: larger syncs would delay those of
  /// the journal.
  size_t checkpoint_transaction_bytes = size_t{4} << 20;
  /// Enqueues are refused while this much journal waits for a checkpoint.
  uint64_t backlog_bytes_max = uint64_t{512} << 20;
  /// Only a policy creates a queue, not a first task.
  bool strict_queues = false;
  /// Payloads that the store has stay in memory up to about this much.
  uint64_t payload_memory_bytes = uint64_t{32} << 20;
  /// Files and directories in use: the node stops if one of them is removed or replaced.
  std::vector<std::string> watched_files;
  /// Where backups go; made when the first one is.
  std::string backup_directory;
  /// One is made when the last is this old; 0: only on request.
  int64_t backup_every_ms = 0;
  /// So many of the newest are kept, of those by the schedule and of those that were asked for; 0:
  /// all.
  size_t backups_kept = 7;
  size_t manual_backups_kept = 7;
};

}  // namespace treadle
