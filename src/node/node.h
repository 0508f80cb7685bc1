// Node: one Treadle server's shard, from mailbox to disk. What HTTP handlers call, and nothing of
// HTTP.
//
// All calls may come from any thread and return at once. Each answers through its callback exactly
// once, on the shard's lane (so a callback must not block), and only when the frame that its answer
// rests on is durable. After a fatal error no more callbacks are called: nothing that was not
// durable is ever reported.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/executor.h"
#include "base/random.h"
#include "base/time.h"
#include "config/node_options.h"
#include "engine/commands.h"
#include "journal/journal.h"
#include "node/backups.h"
#include "node/bulk.h"
#include "node/departures.h"
#include "node/disk_watch.h"
#include "node/exchange.h"
#include "node/memory_guard.h"
#include "node/recovery_progress.h"
#include "store/store.h"

namespace treadle {

/// What a node needs. Everything is borrowed and must outlive the node.
struct NodeEnvironment {
  Disk* disk = nullptr;
  Clock* clock = nullptr;
  Random* random = nullptr;
  Executor* shard = nullptr;       // the engine, and every callback
  Executor* journal = nullptr;     // appends and syncs
  Executor* checkpoint = nullptr;  // folds, store writes
  Executor* reader = nullptr;      // store reads, disk space
  Executor* watch = nullptr;       // what must run while a disk hangs; null: stalls are not logged
  RecoveryProgress* progress = nullptr;  // of Open(), for others to see; may be null
  MemoryGuard::Probe memory;             // empty: memory is not bounded
  /// Called at most once, on any lane, when the node can no longer keep its promises (a failed
  /// sync, damage). In production it ends the process.
  std::function<void(const Status&)> on_fatal;
  std::function<void(const std::string&)> log;  // one line for the operator; any lane
};

/// Journal and Store of a data directory, opened and locked by whoever wires the node.
struct NodeStorage {
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Store> store;
  std::unique_ptr<DiskWatch> watch = std::make_unique<DiskWatch>();  // of the writes to both
};

struct NodeStats {
  uint64_t tasks_enqueued = 0;
  uint64_t tasks_leased = 0;
  uint64_t tasks_completed = 0;
  uint64_t tasks_failed = 0;
  uint64_t leases_lost = 0;
  uint64_t frames = 0;
  uint64_t journal_bytes = 0;
  uint64_t journal_backlog_bytes = 0;  // not yet in the store
  uint64_t checkpoints = 0;
  uint64_t payload_memory_bytes = 0;
  uint64_t exchanges_parked = 0;
  bool enqueue_refused = false;      // disk nearly full
  int64_t checkpoint_age_ms = 0;     // of the oldest durable frame that is not in the store
  int64_t journal_write_age_ms = 0;  // see DiskWatch
  int64_t store_write_age_ms = 0;
  int64_t uptime_ms = 0;
  BackupStats backups;
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

struct HistoryReply {
  TaskView view;  // with the holder of its last attempt, as far as that is known
  TaskHistory history;
};

struct LogReply {
  uint32_t attempt = 0;  // 0: there was none yet
  std::string text;
};

struct ListReply {
  TaskPage page;
  WallTime as_of;
};

class Engine;
class Shard;
class Checkpointer;
class SpaceGuard;
class StallAlarm;

class Node {
 public:
  template <class T>
  using Callback = std::function<void(Result<T>)>;

  /// Recovers the shard from its storage on the calling thread, then serves. DATA_LOSS,
  /// FAILED_PRECONDITION: the data directory cannot be used as it is, and was not changed.
  static Result<std::unique_ptr<Node>> Open(NodeOptions options, NodeEnvironment environment,
                                            NodeStorage storage);
  /// The lanes must be idle (after Close(), or stopped).
  ~Node();

  void Enqueue(EnqueueCommand command, Callback<EnqueueReply> done);
  /// Answers when the task has ended, or after `wait_ms` with what it is by then. 0: at once.
  void Get(TaskId id, int64_t wait_ms, Callback<TaskView> done);
  void List(TaskQuery query, Callback<ListReply> done);
  /// Takes a command of engine/commands/ to its shard. node.cc lists them.
  template <class C>
  void Do(C command, Callback<typename C::Reply> done);
  void Explain(TaskId id, Callback<Explanation> done);

  /// Keeps what a running attempt saves; see Engine::Save(). `progress` is memory only, and gone
  /// with the attempt.
  void Save(AttemptSave save, std::optional<Progress> progress, Callback<AttemptStanding> done);
  /// What the attempts of a task left behind. NOT_FOUND.
  void History(TaskId id, Callback<HistoryReply> done);
  /// The log of an attempt; 0: of the last one. Empty if nothing is kept of it. NOT_FOUND: no task.
  void Log(TaskId id, uint32_t attempt, Callback<LogReply> done);

  /// Bulk actions; see node/bulk.h.
  void StartBulk(BulkRequest request, Callback<BulkView> done);
  void GetBulk(uint64_t id, Callback<BulkView> done);
  void ListBulk(Callback<std::vector<BulkView>> done);
  void StopBulk(uint64_t id, Callback<BulkView> done);

  /// Backups; see node/backups.h.
  void StartBackup(Callback<BackupView> done);
  void GetBackup(std::string name, Callback<BackupView> done);
  void ListBackups(Callback<BackupList> done);

  /// What all queues hold, and each of the `listed_max` with the largest backlogs. Takes many short
  /// turns, so it is no snapshot. Rests on no frame: it answers even while the disk hangs.
  void SummarizeQueues(size_t listed_max, Callback<QueueSummary> done);
  /// The contracts of those of `tasks` that run and have one, in their order. Rests on no frame: it
  /// is called before its facts are durable.
  void Contracts(std::vector<TaskId> tasks,
                 std::function<void(std::vector<std::optional<ContractName>>)> done);

  /// Returns a ticket for Abandon().
  uint64_t Exchange(ExchangeRequest request, Callback<ExchangeReply> done);
  /// The worker's connection is gone: if the exchange is still parked it ends without an answer.
  void Abandon(uint64_t ticket);
  /// The answer could not be written: its leases return unspent, unless the worker has asked again
  /// since.
  void Undelivered(LeaseHolder holder, ExchangeReply reply);

  void Stats(Callback<NodeStats> done);
  uint32_t term() const;
  /// OK, or why the node is not ready for enqueues: disk or memory are full (RESOURCE_EXHAUSTED),
  /// or a disk hangs (UNAVAILABLE). Any thread, at once.
  Status Readiness() const;

  /// Refuses new work with UNAVAILABLE, ends parked exchanges, makes a last checkpoint, then calls
  /// `closed` on the shard's lane.
  void Close(std::function<void()> closed);

  /// Only while the shard's lane is stopped.
  const Engine& engine_for_tests() const;

 private:
  void RunSoon(std::function<void()> work, bool is_little);
  Node();
  Executor* executor_ = nullptr;
  std::unique_ptr<NodeEnvironment> environment_;
  std::atomic<uint64_t> next_ticket_ = 1;
  std::unique_ptr<NodeStorage> storage_;
  std::unique_ptr<Checkpointer> checkpointer_;
  std::unique_ptr<SpaceGuard> space_;
  std::unique_ptr<MemoryGuard> memory_;
  std::unique_ptr<StallAlarm> stalls_;
  std::unique_ptr<Shard> shard_;
  std::unique_ptr<BulkActions> bulk_;
  std::unique_ptr<Backups> backups_;
};

}  // namespace treadle
