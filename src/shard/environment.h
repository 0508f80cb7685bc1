// What a shard is given and works with. Plain values; everything is borrowed and must outlive it.
#pragma once

#include <functional>
#include <string>

#include "base/disk_watch.h"
#include "base/executor.h"
#include "base/random.h"
#include "base/status.h"
#include "base/time.h"
#include "journal/journal.h"
#include "journal/journal_queue.h"
#include "shard/checkpointer.h"
#include "shard/memory_guard.h"
#include "shard/space_guard.h"
#include "store/store.h"

namespace treadle {

struct ShardEnvironment {
  Clock* clock = nullptr;
  Random* random = nullptr;

  Executor* loop = nullptr;        // the engine, and every callback
  Executor* checkpoint = nullptr;  // folds, store writes
  Executor* reader = nullptr;      // store reads, disk space

  Journal* journal = nullptr;
  JournalQueue* appends = nullptr;  // to it
  Store* store = nullptr;
  Checkpointer* checkpointer = nullptr;
  DiskWatch* watch = nullptr;  // of the writes to journal and store
  SpaceGuard* space = nullptr;
  MemoryGuard* memory = nullptr;

  /// Called at most once, on any executor, when the shard can no longer keep its promises.
  std::function<void(const Status&)> on_fatal;
  std::function<void(const std::string&)> log;  // one line for the operator; any executor
};

}  // namespace treadle
