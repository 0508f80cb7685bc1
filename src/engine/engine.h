// Engine: the queue machine of one shard. Commands in, effects out.
//
// It has no clock, disk, socket, thread or random of its own: time and randomness come with
// BeginBatch() and SetTime(), effects go to a string that becomes a frame of the journal. Between
// BeginBatch() and EndBatch() any number of commands may be given; their replies are valid once
// the batch's frame is durable. Each command has its own file.
//
// One thread at a time. All operating errors are returned; nothing throws.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "engine/commands.h"
#include "engine/held_back.h"
#include "engine/state.h"
#include "model/limits.h"

namespace treadle {

struct BatchTime {
  ShardTime shard;  // never less than before
  WallTime wall;
  uint64_t random = 0;  // fresh with each call
};

/// When a scheduled task is due, estimated at `now`; nothing in other states.
std::optional<WallTime> RunAt(const TaskImage& image, const BatchTime& now);

class Engine {
 public:
  /// `term` is that of this opening of the shard.
  Engine(ShardId shard, uint32_t term) : state_(shard), term_(term) {
    TREADLE_CHECK(term > 0);  // 0 is the term of a task that was never leased
  }

  /// Only a policy creates a queue, not a first task.
  bool strict_queues = false;
  /// At most this many names at once.
  size_t queues_max = limits::kQueues;
  size_t types_max = limits::kTypes;

  // --- Batches.

  /// Starts the batch that will be frame `sequence`; its effects are appended to `effects`,
  /// borrowed until EndBatch().
  void BeginBatch(uint64_t sequence, const BatchTime& time, std::string* effects);
  /// Advances the time within a batch.
  void SetTime(const BatchTime& time);
  /// Writes the counters of the queues that the batch touched, and removes ended tasks beyond their
  /// retention.
  void EndBatch();

  // --- Commands, within a batch.

  /// All of the batch or nothing. ALREADY_EXISTS: a key is taken. RESOURCE_EXHAUSTED: a queue is
  /// full, or there are too many queues, types or keys. FAILED_PRECONDITION: a queue is draining.
  /// NOT_FOUND: with strict_queues, there is no such queue.
  Result<EnqueueReply> Enqueue(const EnqueueCommand& command);
  Outcome<LeaseReply> Lease(const LeaseCommand& command);
  /// Also OK if the same report was accepted before. LEASE_LOST: the report had no effect.
  /// NOT_FOUND: there is no such task, or it is no longer kept. `loaded` is what the store has of
  /// the task, if that was asked for: null or empty.
  Outcome<bool> Apply(const Report& report, const TaskRecord* loaded, bool was_loaded);
  /// What a person asks of one task. NOT_FOUND: there is no such task, or it is no longer kept.
  /// FAILED_PRECONDITION: not in its current state; the message says what to do instead.
  /// INVALID_ARGUMENT names the field of an edit. `loaded` as in Apply().
  Outcome<TaskStanding> Do(const TaskCommand& command, const TaskRecord* loaded, bool was_loaded);
  /// Keeps what a running attempt saves, and extends its lease. LEASE_LOST. RESOURCE_EXHAUSTED:
  /// more than a task may save. INVALID_ARGUMENT: a gap in its log. Nothing is kept then.
  Outcome<AttemptStanding> Save(const AttemptSave& save);
  /// Extends the leases; returns those that are lost.
  std::vector<Token> Renew(const std::vector<Token>& tokens);
  /// Creates the queue if needed. INVALID_ARGUMENT, RESOURCE_EXHAUSTED.
  Result<QueueView> Configure(const std::string& queue, const QueuePolicy& policy);
  /// FAILED_PRECONDITION: there are tasks in it, kept ones too. NOT_FOUND.
  Result<QueueView> DeleteQueue(const std::string& queue);
  /// Makes the task type known if needed. INVALID_ARGUMENT, RESOURCE_EXHAUSTED.
  Result<TypeView> ConfigureType(const std::string& type, const TypePolicy& policy);
  /// FAILED_PRECONDITION: there are tasks of it, kept ones too. NOT_FOUND.
  Result<TypeView> DeleteType(const std::string& type);
  /// Does what is due by time, at most about `limit` tasks; true if there is more.
  bool Tick(size_t limit);
  /// Returns a lease that its worker never got or left behind; the attempt does not count. Does
  /// nothing if the lease is no longer valid.
  void ReturnLease(const Token& token);
  /// Sends a task whose payload is damaged to the dead letters.
  void Bury(TaskId id, TaskError error);

  // --- Questions.

  /// NOT_FOUND if there is no such task. `loaded` as in Apply().
  Outcome<TaskView> Get(TaskId id, const TaskRecord* loaded, bool was_loaded) const;
  /// Why it is not running, as far as the engine knows. Errors as Get().
  Outcome<TaskReasons> Explain(TaskId id, const TaskRecord* loaded, bool was_loaded) const;
  /// All leases of `holder`.
  std::vector<Token> LeasesOf(const LeaseHolder& holder) const;
  /// Leases of `holder` whose tasks are to be cancelled.
  std::vector<Token> CancelRequestsOf(const LeaseHolder& holder) const;
  Result<QueueView> GetQueue(std::string_view name) const;
  /// At most `limit` queues whose number is greater than `after`.
  ListPart<QueueView> Queues(QueueId after = 0, size_t limit = SIZE_MAX) const;
  /// Adds the next `limit` queues to the summary. True: there are more.
  bool Summarize(size_t limit, QueueSummary* summary) const;
  Result<TypeView> GetType(std::string_view name) const;
  ListPart<TypeView> Types(TypeId after = 0, size_t limit = SIZE_MAX) const;
  /// The contract that holds for a task that runs; nothing if it has none.
  std::optional<ContractName> ContractOf(TaskId id) const;
  /// The state of a task if it is in memory: exact for all that are not terminal.
  const TaskSlot* Peek(TaskId id) const { return state_.Find(id); }
  /// When Tick() has something to do next, by each clock; the largest int64 for never.
  int64_t NextShardMs() const;
  int64_t NextWallMs() const;

  // --- News since the last call, for those who wait.

  struct ReadyLane {
    std::string_view queue;  // borrowed; valid as long as the engine
    std::string_view type;
    bool of_those_apart = false;  // they are given to workers that hold nothing
  };
  std::vector<ReadyLane> TakeReadyLanes();
  bool HasReady(const ReadyLane& lane) const;
  /// Whether a lease may find something for `holder`, or it must end first what it runs.
  bool MayTakeMore(const LeaseHolder& holder) const;
  /// Leases that ended against their holders' will.
  std::vector<HeldLease> TakeLostLeases() { return std::exchange(lost_, {}); }
  /// Leases whose tasks their holders shall cancel.
  std::vector<HeldLease> TakeCancelRequests() { return std::exchange(cancel_requests_, {}); }
  std::vector<TaskId> TakeEnded() { return std::exchange(ended_, {}); }

  // --- Recovery and memory.

  /// Applies the effects of a frame of the journal. DATA_LOSS if they cannot be read.
  Status Replay(uint64_t sequence, ShardTime time, std::string_view effects);
  State* mutable_state() { return &state_; }
  const State& state() const { return state_; }
  uint32_t term() const { return term_; }

 private:
  template <class E>
  void Emit(const E& effect) {
    TREADLE_CHECK(effects_ != nullptr);  // outside of a batch nothing changes
    ByteWriter out(effects_);
    Encode(effect, &out);
    state_.Apply(effect);
  }

  Result<const Queue*> QueueFor(const std::string& name);
  Result<TypeId> TypeFor(const std::string& name);
  void KeepLeasesThatAreOut(const Queue& queue, QueuePolicy* next) const;
  Status CheckContracts(const std::string& type, size_t contracts) const;

  /// How a batch is taken in.
  struct Admission {
    struct Plan {
      std::optional<size_t> twin;  // the task of the batch whose duplicate it is
      TaskId existing;             // the task whose duplicate it is; 0: none
      TaskId replaces;             // the task that gives way to it; 0: none
    };
    std::vector<Plan> plans;  // one per task
    std::vector<TaskId> shed;
  };
  Result<Admission> Admit(const EnqueueCommand& command) const;
  Status PlanDuplicates(const EnqueueCommand& command, Admission* admission) const;
  /// Whether a queue of this name takes tasks at all.
  Status CheckQueue(const std::string& name) const;
  Status CheckNames(const EnqueueCommand& command) const;
  Status MakeRoom(const EnqueueCommand& command, Admission* admission) const;
  /// Whom a task of this size and priority would displace that comes to the queue otherwise.
  /// RESOURCE_EXHAUSTED: it does not fit.
  Result<std::vector<TaskId>> RoomFor(const Queue& queue, uint64_t bytes, uint8_t priority) const;
  /// RESOURCE_EXHAUSTED: a payload of the queue must not grow by so much.
  Status CheckGrowth(const Queue& queue, uint64_t bytes) const;
  /// ALREADY_EXISTS: another task than this one has the key.
  Status CheckKeyIsFree(TaskId id, const IdempotencyId& key) const;
  void Shed(TaskId id);
  void Replace(TaskId id);
  ShardTime KeyEnd(const NewTask& task, const Queue& queue) const;
  /// Releases the key of a task that holds it as long as this lasts.
  void ReleaseKey(const TaskImage& image, Unique by_now);
  std::shared_ptr<const TaskTerms> TermsFor(const NewTask& task, const EnqueueCommand::Key& key);
  uint8_t PriorityOf(const NewTask& task, TypeId type) const;
  TaskId EnqueueOne(const NewTask& task, const EnqueueCommand::Key& key, const Queue& queue,
                    TypeId type);

  std::vector<uint32_t> LeasesOfExchange(uint32_t newest, uint32_t exchange) const;
  Outcome<LeaseReply> LeaseAgain(const std::vector<uint32_t>& held);
  bool HasWaitedLongApart(const TaskSlot& task) const;
  int64_t ReadySince(const TaskImage& image) const { return image.apart ? state_.now().ms : 0; }
  Leased Describe(const TaskSlot& task) const;
  Leased LeaseOne(uint32_t slot, const LeaseCommand& command);

  /// All that is known of a task; with `needs_body` false, perhaps without its parts.
  Outcome<TaskRecord> Record(TaskId id, const TaskRecord* loaded, bool was_loaded,
                             bool needs_body) const;
  bool IsKept(const TaskImage& image) const;

  Outcome<bool> ApplyLate(const Report& report, const TaskRecord* loaded, bool was_loaded) const;
  TaskImage Ended(TaskImage image, TaskState state) const;
  void Complete(const TaskSlot& task, const Report& report);
  void Fail(TaskImage image, AttemptOutcome outcome, std::shared_ptr<const TaskError> error,
            bool may_retry, std::optional<int64_t> delay_ms);
  bool BoundRetryTime(int64_t total_ms, int64_t wait_ms, TaskIsNow* failed) const;
  void Release(const TaskSlot& task, bool is_by_worker);
  void Snooze(const TaskSlot& task, int64_t delay_ms);
  void Discard(const TaskSlot& task, std::shared_ptr<const TaskError> why);
  bool EndIfOutOfTime(const TaskSlot& task);
  /// What holds for a task: its own, else its type's, else its queue's.
  const RetryPolicy& RetryOf(const TaskImage& image, const TaskTerms* terms) const;
  struct AttemptTimeout {
    int64_t ms = 0;            // 0: none
    std::string_view of;       // whose setting it is: "task", "type" or "queue"
    std::string_view name;     // of that type or queue
    std::string Text() const;  // "attempt_timeout_ms of queue default"
  };
  AttemptTimeout AttemptTimeoutOf(const TaskImage& image, const TaskTerms* terms) const;
  void EndLongLeases();
  /// Whether there may be another attempt after this error; according to its policy and its
  /// contract.
  bool MayRetryAfter(const TaskImage& image, const TaskTerms* terms, std::string_view error_code,
                     bool worker_asks) const;
  void MakeReady(TaskImage image);
  void LoseLease(const TaskSlot& task);
  std::string WhyRevoked(const TaskImage& image, const LeaseHolder& holder) const;
  /// `outcome` is that of the attempt that runs; if none does, it does not matter.
  void End(TaskImage image, TaskState state, AttemptOutcome outcome,
           std::shared_ptr<const TaskError> error);

  void NoteEndOfAttempt(const TaskSlot& task, AttemptOutcome outcome, int64_t wait_ms,
                        TaskIsNow* effect) const;
  void NoteTrail(size_t saved_bytes, TaskIsNow* effect) const;
  Result<std::optional<LogPiece>> NewLog(const TaskSlot& task, const LogText& log) const;

  Result<TaskStanding> RunNow(const TaskRecord& task);
  Result<TaskStanding> Cancel(const TaskRecord& task, const std::string& reason);
  Result<TaskStanding> Redrive(const TaskRecord& task);
  Result<TaskStanding> Edit(const TaskRecord& task, const TaskEdit& edit);
  Status MayMove(const TaskRecord& task, const TaskEdit& edit, std::vector<TaskId>* shed) const;
  void MoveKey(const TaskRecord& task, const std::string& queue);
  const KeyIsNow* HeldKey(const TaskRecord& task) const;
  Result<TaskStanding> Delete(const TaskRecord& task);
  Result<TaskStanding> TakeBack(const TaskRecord& task, const std::string& reason);

  void TouchOldQueues();
  void DeleteUnusedNames();
  CountersAreNow Retain(const Queue& queue) const;

  State state_;
  uint32_t term_;
  BatchTime time_;
  std::string* effects_ = nullptr;
  ShardTime next_retention_check_;
  QueueId next_queue_check_ = 0;
  TypeId next_type_check_ = 0;
  std::vector<HeldLease> lost_;
  std::vector<HeldLease> cancel_requests_;
  std::vector<TaskId> ended_;
  HeldBack held_back_;
  std::shared_ptr<const TaskTerms> contract_alone_;  // of the last task that had no other terms
};

}  // namespace treadle
