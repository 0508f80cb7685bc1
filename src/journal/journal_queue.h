// JournalQueue: frames on their way into the journal, and who is called when they are there.
//
// A journal's Append() blocks for as long as its disk takes. Frames wait here meanwhile, and go
// together as soon as the disk is free: one sync for all shards whose frames came during the last
// one.
//
// Each shard has one frame in a group. That frames of the last sync were durable, nothing on disk
// proves until more is written: if one of them is damaged before that, it counts as torn, and so do
// those behind it. With a second frame of the same shard, the first would be one more at risk.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/disk_watch.h"
#include "base/executor.h"
#include "base/thread_annotations.h"
#include "journal/journal.h"

namespace treadle {

class JournalQueue {
 public:
  /// Called on the writer, once, with what came of it. After a failure, every later call fails as
  /// well.
  using Done = std::function<void(const Status&)>;

  /// Borrows all. `writer` is where the journal is written, and nothing else may append to it.
  /// Writes are noted in `watch`.
  JournalQueue(Journal* journal, Executor* writer, DiskWatch* watch, Clock* clock)
      : journal_(journal), writer_(writer), watch_(watch), clock_(clock) {}

  /// Appends a frame after those before it; see Journal::Append(). Any thread.
  void Append(ShardId stream, uint64_t sequence, ShardTime time, std::string effects,
              Journal::Durability durability, Done done);
  /// Makes durable what was appended before. Any thread.
  void Sync(Done done);

 private:
  struct Waiting {
    bool is_frame = false;  // else only a sync
    ShardId stream = 0;
    uint64_t sequence = 0;
    ShardTime time;
    std::string effects;
    Journal::Durability durability = Journal::Durability::kSynced;
    Done done;
  };

  void Add(Waiting waiting);
  /// On the writer.
  void WriteGroup();
  void TakeGroup() TREADLE_REQUIRES(mutex_);
  Status Write();

  Journal* const journal_;
  Executor* const writer_;
  DiskWatch* const watch_;
  Clock* const clock_;
  Mutex mutex_;
  std::vector<Waiting> waiting_ TREADLE_GUARDED_BY(mutex_);
  bool is_posted_ TREADLE_GUARDED_BY(mutex_) = false;

  // Of the writer; kept, so that writing does not allocate.
  std::vector<Waiting> group_;
  std::vector<Frame> frames_;
};

}  // namespace treadle
