// Checkpointer: carries durable frames of the journal into the store, then lets the journal drop
// them.
//
// It reads the journal, never the shard's memory, so it needs no lock and stops nobody. All on the
// checkpoint executor, unless noted otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "base/disk_watch.h"
#include "base/ids.h"
#include "base/time.h"
#include "journal/journal.h"
#include "shard/files_watch.h"
#include "shard/fold.h"
#include "store/store.h"

namespace treadle {

class Checkpointer {
 public:
  /// Borrows all. `meta` is the store's meta at recovery; frames up to `recovered` may be in the
  /// store in part. Its writes to the store are noted in `watch`.
  Checkpointer(ShardId shard, Journal* journal, Store* store, Clock* clock, const StoreMeta& meta,
               uint64_t recovered, size_t transaction_bytes, DiskWatch* watch);

  /// Brings the store to frame `to`, which must be durable, or less far if that is much journal;
  /// returns how far it is then. RESOURCE_EXHAUSTED: the disk is full; try again later, nothing is
  /// lost. Any other error: the node must stop.
  Result<uint64_t> Run(uint64_t to);

  /// Looks before each trim whether the files are still those that were opened. Before the first
  /// Run().
  void Watch(FilesWatch files) { files_ = std::move(files); }
  /// See FilesWatch::Check(). Any thread.
  Status CheckFiles() const { return files_ ? files_->Check() : Status(); }

  /// The store holds frames up to some one, and nothing of later ones: no checkpoint was cut short.
  bool store_is_even() const { return meta_.applied >= recovered_; }

 private:
  /// All that the fold holds, which is spent then. Durable on return.
  Status WriteOut(Fold* fold);
  Status Write(std::vector<StoreChanges> parts, const StoreMeta& meta);

  ShardId shard_;
  Journal* journal_;
  Store* store_;
  Clock* clock_;
  StoreMeta meta_;
  uint64_t recovered_;  // what began up to this frame may be in the store, in part
  size_t transaction_bytes_;
  DiskWatch* watch_;
  std::optional<FilesWatch> files_;
};

}  // namespace treadle
