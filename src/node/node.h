// Node: one Treadle server's shard, from mailbox to disk. What HTTP handlers call, and nothing of
// HTTP.
//
// All calls may come from any thread and return at once. Each answers through its callback exactly
// once, on the shard's executor (so a callback must not block), and only when the frame that its
// answer rests on is durable. After a fatal error no more callbacks are called: nothing that was
// not durable is ever reported.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/disk_watch.h"
#include "base/executor.h"
#include "base/random.h"
#include "base/time.h"
#include "config/node_options.h"
#include "engine/commands.h"
#include "journal/journal.h"
#include "node/backups.h"
#include "node/bulk.h"
#include "shard/departures.h"
#include "shard/exchange.h"
#include "shard/memory_guard.h"
#include "shard/questions.h"
#include "shard/recovery_progress.h"
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
  /// Called at most once, on any executor, when the node can no longer keep its promises (a failed
  /// sync, damage). In production it ends the process.
  std::function<void(const Status&)> on_fatal;
  std::function<void(const std::string&)> log;  // one line for the operator; any executor
};

/// Journal and Store of a data directory, opened and locked by whoever wires the node.
struct NodeStorage {
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Store> store;
  std::unique_ptr<DiskWatch> watch = std::make_unique<DiskWatch>();  // of the writes to both
};

struct NodeStats : ShardStats {
  BackupStats backups;
};

struct GetNodeStats {
  using Reply = NodeStats;
};

class Checkpointer;
class Engine;
class JournalQueue;
class Shard;
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
  /// The executors must be idle (after Close(), or stopped).
  ~Node();

  /// Takes a command or a question to who answers it: those of engine/commands/ and of
  /// shard/questions.h to a shard, those of node/bulk.h and node/backups.h to their owners. node.cc
  /// lists them all.
  template <class C>
  void Do(C command, Callback<typename C::Reply> done);

  /// Returns a ticket for Abandon().
  uint64_t Exchange(ExchangeRequest request, Callback<ExchangeReply> done);
  /// The worker's connection is gone: if the exchange is still parked it ends without an answer.
  void Abandon(uint64_t ticket);
  /// The answer could not be written: its leases return unspent, unless the worker has asked again
  /// since.
  void Undelivered(LeaseHolder holder, ExchangeReply reply);

  uint32_t term() const;
  /// OK, or why the node is not ready for enqueues: disk or memory are full (RESOURCE_EXHAUSTED),
  /// or a disk hangs (UNAVAILABLE). Any thread, at once.
  Status Readiness() const;

  /// Refuses new work with UNAVAILABLE, ends parked exchanges, makes a last checkpoint, then calls
  /// `closed` on the shard's executor.
  void Close(std::function<void()> closed);

  /// Only while the shard's executor is stopped.
  const Engine& engine_for_tests() const;

 private:
  Node();
  template <class C>
  void Take(C command, Callback<typename C::Reply> done);
  void RunSoon(std::function<void()> work, bool is_little);

  Executor* executor_ = nullptr;
  std::unique_ptr<NodeEnvironment> environment_;
  std::atomic<uint64_t> next_ticket_ = 1;
  std::unique_ptr<NodeStorage> storage_;
  std::unique_ptr<JournalQueue> appends_;
  std::unique_ptr<Checkpointer> checkpointer_;
  std::unique_ptr<SpaceGuard> space_;
  std::unique_ptr<MemoryGuard> memory_;
  std::unique_ptr<StallAlarm> stalls_;
  std::unique_ptr<Shard> shard_;
  std::unique_ptr<BulkActions> bulk_;
  std::unique_ptr<Backups> backups_;
};

}  // namespace treadle
