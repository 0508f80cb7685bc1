// Commands: requests to a shard, and their replies. Plain values that own
// what they hold, so that they can wait in a mailbox; bodies and results are shared and immutable.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/status.h"
#include "engine/effects.h"
#include "model/queue_policy.h"
#include "model/task.h"

namespace treadle {

/// What a command that needs tasks from the store answers: it changed nothing; load these, Supply()
/// them, ask again.
template <class Reply>
struct Outcome {
  Outcome(Result<Reply> r) : reply(std::move(r)) {}  // NOLINT: conversion is the point
  Outcome(Reply r) : reply(std::move(r)) {}          // NOLINT
  Outcome(Status s) : reply(std::move(s)) {}         // NOLINT
  static Outcome Need(std::vector<TaskId> tasks) {
    TREADLE_CHECK(!tasks.empty());  // else `reply` would pass for the answer
    Outcome outcome(Status(Code::kUnavailable, "not in memory"));
    outcome.needs = std::move(tasks);
    return outcome;
  }

  Result<Reply> reply;
  std::vector<TaskId> needs;  // empty: `reply` is the answer
};

struct EnqueueReply {
  struct Task {
    TaskId id;
    bool duplicate = false;          // its key was taken: nothing was added
    TaskId replaced;                 // the task that gave way to it; 0: none
    std::optional<TaskState> state;  // of a duplicate, if it is in memory
  };
  std::vector<Task> tasks;  // in the order of the command
};

/// Enqueues all of `tasks` or none. Make() validates and computes what does not need the shard, on
/// the caller's thread.
struct EnqueueCommand {
  struct Key {
    IdempotencyId id{};
    uint64_t request_hash = 0;
  };

  /// INVALID_ARGUMENT names the field, and the task by its place ("tasks[3].type …") if there are
  /// several.
  static Result<EnqueueCommand> Make(std::vector<NewTask> tasks);

  std::vector<NewTask> tasks;
  std::vector<Key> keys;  // one per task; meaningful if the task has an idempotency key
  uint64_t bytes = 0;     // about what it takes while it waits in a mailbox
  using Reply = EnqueueReply;
};

/// "tasks[3]." if the batch has several.
std::string PlaceInBatch(const std::vector<NewTask>& tasks, size_t i);

/// Asks for up to `want` tasks of these queues and types. Repeated by the same holder with the same
/// `exchange` while it still holds what it got, it is given the same leases again.
struct LeaseCommand {
  LeaseHolder holder;
  uint32_t exchange = 0;  // from 1, rising
  std::vector<std::string> queues;
  std::vector<std::string> types;
  uint32_t want = 1;
};

struct Leased {
  Token token;
  std::string queue;
  std::string type;
  uint32_t attempt = 0;  // spent attempts, this one included
  uint16_t max_attempts = 0;
  int64_t lease_ms = 0;
  /// From now until the lease is revoked, however often it is renewed; nothing: it is not.
  std::optional<int64_t> timeout_ms;
  std::optional<WallTime> deadline_at;  // of the task
  WallTime enqueued_at;
  uint32_t contract = 0;  // the version that its payload fits; 0: none
  bool sensitive = false;
  std::shared_ptr<const TaskBody> body;
  std::shared_ptr<const TaskSaved> saved;  // by attempts before; null: nothing
};

struct LeaseReply {
  std::vector<Leased> leases;
  std::vector<TaskId> next;  // to be loaded meanwhile: their turn comes soon
};

/// Text at the end of a running attempt's log.
struct LogText {
  uint32_t offset = 0;  // bytes that the worker has sent of it before
  std::string text;     // UTF-8; what is beyond limits::kLogBytes is dropped
};

/// How an attempt ended.
struct Report {
  enum class Kind : uint8_t {
    kCompleted,
    kFailed,
    kReleased,   // not here: the task is ready again, and the attempt does not count
    kSnoozed,    // not now: it is scheduled again, and the attempt does not count
    kDiscarded,  // not at all: it is cancelled
  };

  Token token;
  Kind kind = Kind::kCompleted;
  std::shared_ptr<const TaskResult> result;  // completed
  std::shared_ptr<const TaskError> error;    // failed; discarded: why
  bool retry = true;                         // failed: false sends it to the dead letters at once
  /// Failed: the wait before another attempt, instead of the policy's. Snoozed: how long.
  std::optional<int64_t> delay_ms;
  std::optional<LogText> log;  // the last of its log
};

/// What a running attempt wants to be kept.
struct AttemptSave {
  Token token;
  TaskSaved saved;  // steps that are done now, the checkpoint
  std::optional<LogText> log;

  bool empty() const { return saved.empty() && !log; }
};

/// The status of a running attempt.
struct AttemptStanding {
  uint32_t log_bytes = 0;         // that are kept of its log
  bool cancel_requested = false;  // it is to end
};

/// What became of a TaskCommand.
struct TaskStanding {
  TaskId id;
  TaskState state = TaskState::kReady;  // kDelete: the one that it had
  bool cancel_requested = false;        // it is running, and its worker is notified
  bool changed = false;                 // false: it was so before
};

/// What a person asks of one task, by hand.
struct TaskCommand {
  enum class Kind : uint8_t {
    kRunNow,   // do not wait for its time
    kCancel,   // end it without running it (again)
    kRedrive,  // an ended one: ready again, with fresh attempts
    kEdit,     // change what it is, or move it
    kDelete,   // remove it, even if it has ended
    kRelease,  // take its lease back: it is ready again, and the attempt does not count
  };

  Kind kind = Kind::kRunNow;
  TaskId id;
  std::string reason;  // kCancel, kRelease: for people; may be empty
  TaskEdit edit;       // kEdit
  /// Only a task in this state: a list may be out of date.
  std::optional<TaskState> only_in;

  using Reply = TaskStanding;
};

/// What a task looks like to those who ask.
struct TaskView {
  TaskRecord task;
  std::string queue;
  std::string type;
  std::optional<Progress> progress;  // running; not in lists
  std::optional<WallTime> run_at;    // scheduled: when it is due (estimated)
  WallTime next_attempt_at;          // retrying: when its backoff ends (estimated); else 0. Not
                                     // in lists
};

/// How many tasks there are in each state, by TaskState.
using TaskCounts = std::array<uint64_t, std::size(kTaskStates) + 1>;

struct QueueView {
  std::string name;
  QueuePolicy policy;
  CountersAreNow counters;
  TaskCounts tasks{};
  uint64_t live_bytes = 0;  // payloads of the tasks that have not ended
  bool created = false;     // Configure: the queue was not there before
  /// Whether any worker has lately asked for its tasks; only where the node was asked.
  std::optional<bool> has_workers = {};

  bool is_full() const;
};

/// Part of a list that is in the order of numbers.
template <class View>
struct ListPart {
  std::vector<View> views;
  uint32_t next = 0;  // pass as `after` for the next part; 0: none
};

/// What a queue holds, without its policy.
struct QueueCounts {
  std::string name;
  uint64_t backlog = 0;  // tasks that have not ended
  TaskCounts tasks{};
  CountersAreNow counters;
};

/// All queues together; see Engine::Summarize().
struct QueueSummary {
  size_t listed_max = 0;  // set by the caller
  uint64_t queues = 0;
  TaskCounts tasks{};               // of all queues
  std::vector<QueueCounts> listed;  // the queues with the largest backlogs, by number
  QueueId looked_at = 0;            // up to this one, so far
};

/// Why a task is not running, as far as the engine knows.
struct TaskReasons {
  TaskView view;
  bool paused = false;      // its queue
  bool apart = false;       // it waits for a worker that holds nothing else
  uint64_t ahead = 0;       // ready: tasks of its queue and type that are leased before it
  bool more_ahead = false;  // and still more, not counted
  WallTime lease_ends;      // running: estimated
  std::optional<WallTime> revoked_at;  // running: when it is, however often it is renewed
  std::string timeout_setting;  // the setting behind it, such as "attempt_timeout_ms of queue q"
};

struct TypeView {
  TypeId id = 0;
  std::string name;
  TypePolicy policy;
  bool created = false;  // ConfigureType: the type was not known before
};

/// Of a task: its type, and the version of that type's contract that it was enqueued with.
struct ContractName {
  std::string type;
  uint32_t version = 0;
};

/// A lease, and who has it or had it.
struct HeldLease {
  LeaseHolder holder;
  Token token;
};

}  // namespace treadle
