// Store: where a shard's state goes when it must outlive a checkpoint and be searched.
//
// The checkpoint writes it, recovery reads it whole, and questions about tasks that are not in
// memory are answered from it. It always lags the journal: everything up to frame `applied` is in
// it, of later frames perhaps a part (a checkpoint was cut short), and replaying the journal after
// `applied` mends that. No word of SQL here.
//
// Calls block. Write() is for one executor; Load() and List() may run on another at the same time,
// and see the state after some Write(). Errors: DATA_LOSS for damage, RESOURCE_EXHAUSTED for a full
// disk (nothing was written), UNAVAILABLE.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "engine/commands.h"
#include "engine/effects.h"
#include "model/task.h"
#include "model/trail.h"

namespace treadle {

/// What is true of the whole store. Written with the last part of each checkpoint.
struct StoreMeta {
  uint64_t applied = 0;  // frame of the journal up to which everything is in the store
  ShardTime time;        // shard time of that frame
  WallTime wall;  // wall time at which it was written; bounds how far shard time moves while down
  uint64_t next_sequence = 1;  // of the next task's id
  uint32_t term = 0;           // of the last opening that wrote here
};

/// Where the store finds a task. The place of a task that is waiting or running changes only when
/// someone moves it; `id` is enough to find an ended one.
struct TaskPlace {
  TaskId id;
  QueueId queue = 0;  // 0: unknown; only ended tasks are found then
  TypeId type = 0;
  uint8_t priority = 0;

  static TaskPlace Of(const TaskImage& image) {
    return {image.id, image.queue, image.type, image.priority};
  }
  bool operator==(const TaskPlace&) const = default;
};

/// What was added to a task's trail. A piece of log that is there already, by attempt and offset,
/// is the same; so are attempts.
struct TrailChange {
  std::vector<AttemptRecord> ended;
  std::vector<LogPiece> log;
  TaskSaved saved;
};

/// A task as it is now, net of all that happened since the last checkpoint.
struct TaskChange {
  /// Parts that did not change since the last checkpoint are null: the store keeps what it has.
  TaskRecord now;
  /// The store cannot know this task yet. False if it may.
  bool is_new = false;
  /// Nothing of it is to be kept: it was deleted, or it ended and its retention is over already.
  bool is_gone = false;
  /// Where it waited before it moved, if it did; `now` has its body then.
  std::vector<TaskPlace> left;
  std::shared_ptr<TrailChange> trail;  // null: nothing was added
};

/// Net changes, in any order. One call of Write() is one transaction.
struct StoreChanges {
  std::vector<QueueIsNow> queues;
  std::vector<TypeIsNow> types;
  std::vector<TaskChange> tasks;
  std::vector<KeyIsNow> keys;
  std::vector<IdempotencyId> keys_gone;
  /// With each: ended tasks of the queue whose ordinal lies below `from` of their state are
  /// removed.
  std::vector<CountersAreNow> counters;
  std::optional<StoreMeta> meta;  // set in the last transaction of a checkpoint
};

/// Which tasks to list: those that match all that is set.
struct TaskQuery {
  std::optional<std::string> queue;
  std::optional<std::string> type;
  std::optional<TaskState> state;
  std::optional<std::string> tag;
  std::optional<std::string> idempotency_key;
  std::optional<std::string> worker;  // that runs it, or ran the last attempt of an ended one
  std::optional<std::string> error_code;
  std::optional<uint64_t> fingerprint;     // of its error; see model/fingerprint.h
  std::vector<std::string> words;          // all of them in its error's code or message
  std::vector<std::string> payload_words;  // all of them in its payload; see model/search_text.h
  std::optional<WallTime> enqueued_from;   // of these four, `from` counts, `to` does not
  std::optional<WallTime> enqueued_to;
  std::optional<WallTime> finished_from;
  std::optional<WallTime> finished_to;
  TaskId before;      // only ids less than this; 0: from the newest
  size_t limit = 50;  // 1..1000
  /// Else `result` stays null. Payloads are never read: `body` has an empty one.
  bool with_results = false;
};

/// Whether a task is one that the query asks for, as far as what it looks like goes: everything but
/// cursor and limit. Every Store answers as if it had asked this of each task. `payload_text`: in
/// which payload_words are sought, PayloadText() of a payload that is searched; empty: it is not.
/// A payload is searched if its queue's policy said so when the store learnt of it: with the task,
/// or by an edit or a move.
bool Matches(const TaskQuery& query, const TaskView& task, std::string_view payload_text = "");

struct TaskPage {
  std::vector<TaskView> tasks;  // newest id first
  TaskId next;                  // pass as `before` for the next page; 0: none
};

/// A copy of a store that is being made while the store continues to change. It ends as the store
/// is at its end: what Write() changes meanwhile, changes in the copy too. On the thread of
/// Write(); must not outlive the store.
class StoreCopy {
 public:
  virtual ~StoreCopy() = default;

  /// Copies about `bytes` more. True: the copy is whole, and closed. RESOURCE_EXHAUSTED,
  /// UNAVAILABLE: it is worth nothing; the store is as it was.
  virtual Result<bool> Advance(uint64_t bytes) = 0;
  /// How much there is to copy, as far as it is known.
  virtual uint64_t bytes_total() const = 0;
  virtual uint64_t bytes_done() const = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  virtual Result<StoreMeta> ReadMeta() = 0;

  /// Everything that recovery keeps in memory. Stops at the first error of a visitor and returns
  /// it.
  struct Visitor {
    std::function<Status(const QueueIsNow&)> queue;
    std::function<Status(const TypeIsNow&)> type;
    std::function<Status(const CountersAreNow&)> counters;
    std::function<Status(const KeyIsNow&)> key;
    /// Waiting and running tasks: of each queue, type and priority the oldest first. Holder and
    /// terms are read, no other part is.
    std::function<Status(const TaskRecord&, uint32_t payload_bytes)> task;
    /// Ended tasks by queue, state and ordinal, with the size of what is kept.
    std::function<Status(const TaskImage&, uint32_t bytes)> ended;
  };
  /// In the order of the visitor's members.
  virtual Status ReadAll(const Visitor& visit) = 0;

  /// Writes all of `changes` or nothing; durable on return (with the transaction that carries
  /// `meta`).
  virtual Status Write(const StoreChanges& changes) = 0;

  /// What is known of each place, whole and checked against its digests; a task that is not here is
  /// left out. A task whose payload is damaged comes with a null body.
  virtual Result<std::vector<TaskRecord>> Load(const std::vector<TaskPlace>& places) = 0;

  virtual Result<TaskPage> List(const TaskQuery& query) = 0;

  /// What attempts of this task left behind, as far as it is here. Empty if there is nothing.
  virtual Result<TaskHistory> History(TaskId task) = 0;
  /// What is kept of an attempt's log.
  virtual Result<std::string> Log(TaskId task, uint32_t attempt) = 0;

  /// Bytes of the store's file that hold nothing: it takes as much more before it grows.
  virtual Result<uint64_t> ReusableBytes() { return uint64_t{0}; }

  /// Begins a copy in a new file at `path`, without a sync: that is for whoever has the disk.
  virtual Result<std::unique_ptr<StoreCopy>> BeginCopy(const std::string& path) = 0;
};

}  // namespace treadle
