// Task: one unit of work, as plain values.
//
// A task's record has three parts that live and change apart: its image (small, hot, rewritten
// whole with every change), its body (what the producer sent; never changes), and how its last
// attempt ended (result or error).
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/ids.h"
#include "base/time.h"
#include "base/traceparent.h"
#include "model/retry_policy.h"

namespace treadle {

/// The numbers are on disk: never reuse one. A new state gets a new number.
enum class TaskState : uint8_t {
  kScheduled = 1,  // not yet due
  kReady = 2,
  kRunning = 3,   // leased
  kRetrying = 4,  // failed, waits its backoff
  kCompleted = 5,
  kDead = 6,  // dead-letter
  kCancelled = 7,
  kExpired = 8,  // its time to begin was over
};

inline constexpr TaskState kTaskStates[] = {
    TaskState::kScheduled, TaskState::kReady, TaskState::kRunning,   TaskState::kRetrying,
    TaskState::kCompleted, TaskState::kDead,  TaskState::kCancelled, TaskState::kExpired};
/// The states that end a task, by their numbers: from kFirstEnded on.
inline constexpr size_t kFirstEnded = static_cast<size_t>(TaskState::kCompleted);
inline constexpr size_t kEndedStates = std::size(kTaskStates) + 1 - kFirstEnded;

/// Its name on the wire, for example "ready"; nothing for a number that is no state.
std::optional<std::string_view> TaskStateName(TaskState state);
std::optional<TaskState> TaskStateFromName(std::string_view name);
constexpr bool IsTerminal(TaskState state) { return static_cast<size_t>(state) >= kFirstEnded; }

/// A queue's or a type's number within its shard, from 1, given on first use and never reused.
using QueueId = uint32_t;
using TypeId = uint32_t;

/// The state of a task, whole. Written to the journal with each change.
struct TaskImage {
  TaskId id;
  QueueId queue = 0;
  TypeId type = 0;
  TaskState state = TaskState::kReady;
  uint8_t priority = 5;               // 0..9, 9 first
  bool reported : 1 = false;          // the last attempt ended by its worker's own report
  bool cancel_requested : 1 = false;  // running: a cancel was requested, and its worker notified
  bool has_terms : 1 = false;         // there are TaskTerms of it
  bool has_trail : 1 = false;         // its attempts left something behind; see model/trail.h
  bool by_shard_time : 1 = false;     // scheduled: it waits for a duration, not for a date
  /// A worker was lost with it, and no attempt of it has ended by a report since: it may be what
  /// kills them. It is leased only to workers that hold no other task.
  bool apart : 1 = false;
  uint16_t max_attempts = 20;  // spent attempts after which a failure is final
  uint16_t worker_losses = 0;  // leases lost that count (semantics.md, Poison)
  uint32_t unspent = 0;        // leases that do not count: given back, or from before a redrive
  uint32_t attempt = 0;        // leases so far; the number of the current or last one
  uint32_t term = 0;           // of the shard when it gave the last lease; 0 before the first
  uint32_t exchange = 0;       // running: the worker's exchange that was answered with this lease
  uint64_t ordinal = 0;  // ended: place among the queue's tasks that ended in this state, from 1
  /// What the state waits for. Scheduled: WallTime of run_at; by_shard_time: ShardTime when it is
  /// due (before version 0.4.0, a wall time as well). Retrying: ShardTime when it is due.
  /// Running: ShardTime at which the lease is revoked, however often it is renewed; 0: never.
  /// Ready and apart: ShardTime since when. Ended: ShardTime of the end. Else 0. (A lease's own end
  /// is memory only: recovery grants a full lease.)
  int64_t when_ms = 0;
  WallTime enqueued_at;
  WallTime started_at;   // of the last attempt; 0 before the first
  WallTime finished_at;  // ended; else 0

  uint32_t spent() const { return attempt - unspent; }
  Token token() const { return {id, attempt, term}; }
  bool operator==(const TaskImage&) const = default;
};

/// How long the idempotency key of a task admits no other. On disk.
enum class Unique : uint8_t {
  kNo = 0,       // for its window of time, whatever becomes of the task
  kWaiting = 1,  // until its first attempt begins
  kRunning = 2,  // until its first attempt has ended
  kDone = 3,     // until it has ended
};

/// What becomes of an enqueue whose idempotency key is taken.
enum class OnDuplicate : uint8_t {
  kReturn,   // the same request is answered with the task that is there; another one is refused
  kRefuse,   // it is refused
  kReplace,  // the task that is there gives way if no attempt at it has begun; else as kRefuse
};

/// What only some tasks have. In memory as long as the task lives, whatever becomes of its
/// body. Times of the producer's wall clock are kept to be shown; what happens by them follows
/// shard time, so that no wrong clock ends a task early.
struct TaskTerms {
  std::optional<WallTime> expires_at;   // nothing: never
  ShardTime expires;                    // the same: when a task that waits expires
  std::optional<WallTime> deadline_at;  // nothing: none
  ShardTime deadline;                   // the same: when it is dead, whether it waits or runs
  int64_t attempt_timeout_ms = 0;       // 0: that of its type, or of its queue
  std::optional<RetryPolicy> retry;     // instead of its type's and its queue's
  Unique unique = Unique::kNo;
  std::array<uint64_t, 2> unique_key{};  // unless kNo: the identity of its key
  /// Unless kNo: the hash of its request, for when its key is taken again. Nothing: written by
  /// version 0.3.0 or older.
  std::optional<uint64_t> request_hash;
  uint32_t contract = 0;     // the version of its type's contract that its payload fits; 0: none
  bool sensitive = false;    // what it carries is not shown in lists, pages and logs
  bool has_saved = false;    // its attempts saved something for those that follow
  uint32_t saved_bytes = 0;  // about how much
  uint32_t log_attempt = 0;  // the attempt that logged last, and how much
  uint32_t log_bytes = 0;
  ShardTime first_failure;  // set if its retry policy bounds the total time; 0: has not failed yet

  bool operator==(const TaskTerms&) const = default;
};

/// What the producer sent.
struct TaskBody {
  std::string payload;
  std::string content_type;     // empty: application/json
  std::string idempotency_key;  // empty: none
  Sha256 payload_sha256;
  std::vector<std::string> tags;  // for people, to find it by; sorted, each once
  /// The trace context of its producer, for its workers. Not part of its request's hash: a request
  /// that is sent again has a span of its own. An edit leaves it.
  Traceparent traceparent = {};

  bool operator==(const TaskBody&) const = default;
};

/// What a completed attempt returned.
struct TaskResult {
  std::string bytes;
  std::string content_type;  // empty: application/json
  Sha256 sha256;

  bool operator==(const TaskResult&) const = default;
};

/// Why the last failed attempt failed.
struct TaskError {
  std::string code;     // machine-readable, e.g. "lease_expired", "exit_1"
  std::string message;  // for people; may be empty

  bool operator==(const TaskError&) const = default;
};

/// Who holds a lease. A worker that restarts takes a new incarnation and with it loses its old
/// leases.
struct LeaseHolder {
  std::string worker;
  uint64_t incarnation = 0;
  std::string build = {};  // what the worker runs, for people; empty: unknown. Not compared

  bool operator==(const LeaseHolder& other) const { return (*this <=> other) == 0; }
  std::strong_ordering operator<=>(const LeaseHolder& other) const {
    const auto by_name = worker <=> other.worker;
    return by_name != 0 ? by_name : incarnation <=> other.incarnation;
  }
};

struct TaskSaved;  // model/trail.h

/// A task with all its parts, as the store keeps it and views show it. Parts are shared, immutable,
/// and may be null: `body` never is once loaded; `error` before the first failure; `result` unless
/// completed; `saved` unless something is; `holder` unless running, or ended and in the store.
struct TaskRecord {
  TaskImage image;
  std::shared_ptr<const TaskBody> body;
  std::shared_ptr<const TaskError> error;
  std::shared_ptr<const TaskResult> result;
  std::shared_ptr<const TaskTerms> terms;  // null unless image.has_terms
  std::shared_ptr<const TaskSaved> saved;
  std::optional<LeaseHolder> holder;  // of the attempt that runs, or that was the last one
};

/// What a person changes about a task that waits, or that ended and may be redriven. What is not
/// set stays.
struct TaskEdit {
  std::optional<std::string> queue;
  std::optional<uint8_t> priority;
  std::optional<uint16_t> max_attempts;
  std::optional<WallTime> run_at;   // not before; a time that is past: at once
  std::optional<int64_t> delay_ms;  // not before now plus this; at most one of the two is set
  /// Payload, content type and digest; what else a body has stays as it was.
  std::shared_ptr<const TaskBody> payload;

  bool has_time() const { return run_at || delay_ms; }
  bool empty() const { return !queue && !priority && !max_attempts && !has_time() && !payload; }
};

/// A task to be enqueued.
struct NewTask {
  std::string queue = "default";
  std::string type;
  std::shared_ptr<const TaskBody> body;
  uint8_t priority = 5;
  uint16_t max_attempts = 0;  // 0: from the retry policy of its type or queue
  // Of each pair at most one is set. No value means absence: 1970 is a time like any other.
  std::optional<WallTime> run_at;       // not before
  std::optional<int64_t> delay_ms;      // not before now plus this
  std::optional<WallTime> expires_at;   // not to begin after
  std::optional<int64_t> expires_ms;    // not to begin after now plus this
  std::optional<WallTime> deadline_at;  // not to end after
  std::optional<int64_t> deadline_ms;   // not to end after now plus this
  int64_t attempt_timeout_ms = 0;       // 0: that of its type or its queue
  std::optional<RetryPolicy> retry;
  int64_t idempotency_window_ms = 0;  // 0: the queue's
  OnDuplicate on_duplicate = OnDuplicate::kReturn;
  Unique unique = Unique::kNo;  // else its key has no window
  uint32_t contract = 0;        // the version of its type's contract that its payload fits; 0: none
  bool sensitive = false;
  bool contract_was_asked_for = false;  // by its producer; else it was found
  bool priority_was_left_open = false;  // its contract's, if that has one

  bool has_terms() const { return asks_for_terms() || contract != 0; }
  bool asks_for_terms() const {
    return unique != Unique::kNo || expires_at || expires_ms || deadline_at || deadline_ms ||
           attempt_timeout_ms != 0 || retry.has_value() || sensitive;
  }
};

}  // namespace treadle
