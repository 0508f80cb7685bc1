// Questions that a shard answers with more than its engine knows: from the store, from its workers,
// or later. Values: Node::Do() takes each to its shard and answers with its Reply.
//
// SaveAttempt and EnqueueCommand, which change something, are here because the shard may refuse
// them before the engine sees them. All other commands are in engine/commands/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "engine/commands.h"
#include "model/trail.h"
#include "shard/departures.h"
#include "shard/shard_stats.h"
#include "store/store.h"

namespace treadle {

/// A task. Answers when it has ended, or after `wait_ms` with what it is by then; 0: at once.
/// NOT_FOUND.
struct GetTask {
  TaskId id;
  int64_t wait_ms = 0;
  using Reply = TaskView;
};

/// Why a task is not running.
struct Explanation {
  TaskReasons reasons;
  uint64_t workers = 0;          // that asked for its queue and type and hold or await a task
  uint64_t workers_free = 0;     // of those, that wait for a task right now
  bool enqueue_refused = false;  // disk nearly full: no new task is accepted
  /// Without workers: the last one that could not run such tasks. It left so long ago.
  std::optional<Departure> departure;
  int64_t departed_ms_ago = 0;
};

/// NOT_FOUND.
struct ExplainTask {
  TaskId id;
  using Reply = Explanation;
};

struct HistoryReply {
  TaskView view;  // with the holder of its last attempt, as far as that is known
  TaskHistory history;
};

/// What the attempts of a task left behind. NOT_FOUND.
struct GetHistory {
  TaskId id;
  using Reply = HistoryReply;
};

struct LogReply {
  uint32_t attempt = 0;  // 0: there was none yet
  std::string text;
};

/// The log of an attempt; 0: of the last one. Empty if nothing is kept of it. NOT_FOUND: no task.
struct GetLog {
  TaskId id;
  uint32_t attempt = 0;
  using Reply = LogReply;
};

struct ListReply {
  TaskPage page;
  WallTime as_of;
};

/// A page of the tasks that a query finds. Waits so long for the store to have all that was
/// acknowledged before, and answers with what it has then.
struct ListTasks {
  TaskQuery query;
  int64_t wait_ms = 1'000;
  using Reply = ListReply;
};

/// What all queues hold, and each of the `listed_max` with the largest backlogs. Takes many short
/// turns, so it is no snapshot. Rests on no frame: it answers even while the disk hangs.
struct SummarizeQueues {
  size_t listed_max = 0;
  using Reply = QueueSummary;
};

/// The contracts of those of `tasks` that run and have one, in their order. Rests on no frame: it
/// is asked before its facts are durable.
struct FindContracts {
  std::vector<TaskId> tasks;
  using Reply = std::vector<std::optional<ContractName>>;
};

/// Rests on no frame.
struct GetShardStats {
  using Reply = ShardStats;
};

/// Keeps what a running attempt saves; see Engine::Save(). `progress` is memory only, and gone with
/// the attempt. RESOURCE_EXHAUSTED: the disk is full.
struct SaveAttempt {
  AttemptSave save;
  std::optional<Progress> progress;
  using Reply = AttemptStanding;
};

}  // namespace treadle
