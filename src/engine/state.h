// State: all that a shard knows, and the code that changes it: Apply(effect), and nothing else.
//
// The live engine applies the effects that it emits; recovery applies those that the journal holds.
// What a command may look at is const. Memory only, and derived from the effects: lanes, timers,
// who holds which lease, counts by state. Not thread safe; owned by the Engine.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/time.h"
#include "engine/effects.h"
#include "engine/idempotency_table.h"
#include "engine/pool.h"
#include "engine/queue.h"
#include "engine/slab.h"
#include "engine/task_slot.h"
#include "engine/terms_table.h"
#include "engine/timer_heap.h"
#include "engine/worker_table.h"

namespace treadle {

class State {
 public:
  explicit State(ShardId shard);
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// The frame whose effects come next, and the shard time at which they happened.
  void BeginFrame(uint64_t sequence, ShardTime now);

  void Apply(const QueueIsNow& effect);
  void Apply(const TypeIsNow& effect);
  void Apply(const TaskIsNew& effect);
  void Apply(const TaskIsNow& effect);
  void Apply(const TaskIsGone& effect);
  void Apply(const KeyIsNow& effect) { keys_.Put(effect); }
  void Apply(const KeyIsGone& effect) { keys_.Erase(effect.id); }
  void Apply(const CountersAreNow& effect);

  // What commands read.
  ShardId shard() const { return shard_; }
  ShardTime now() const { return now_; }
  uint64_t frame() const { return frame_; }
  TaskId next_task() const { return TaskId::Of(shard_, next_sequence_); }
  const TaskSlot* Find(TaskId id) const;
  const SlabTable<TaskSlot>& tasks() const { return tasks_; }
  const Queue* FindQueue(std::string_view name) const;
  const Queue& queue(QueueId id) const { return *queues_[id - 1]; }
  QueueId queues() const { return static_cast<QueueId>(queues_.size()); }
  /// 0 if no task of that type was ever seen.
  TypeId FindType(std::string_view name) const;
  /// Tasks of the type that are there, kept ones too.
  uint64_t tasks_of_type(TypeId id) const { return types_[id - 1].tasks; }
  const std::string& type_name(TypeId id) const { return types_[id - 1].name; }
  const TypePolicy& type_policy(TypeId id) const { return types_[id - 1].policy; }
  TypeId types() const { return static_cast<TypeId>(types_.size()); }
  // Numbers for new names: at most `max`, those of deleted names included once the store has their
  // deletion.

  size_t deleted_queues() const { return deleted_queues_.size(); }
  size_t deleted_types() const { return deleted_types_.size(); }
  /// 0: none is left.
  QueueId NumberForQueue(size_t max) const {
    return NumberFor(queues_.size(), deleted_queues_, max);
  }
  TypeId NumberForType(size_t max) const { return NumberFor(types_.size(), deleted_types_, max); }
  bool HasNumbersForQueues(size_t wanted, size_t max) const {
    return HasNumbers(wanted, queues_.size(), deleted_queues_, max);
  }
  bool HasNumbersForTypes(size_t wanted, size_t max) const {
    return HasNumbers(wanted, types_.size(), deleted_types_, max);
  }
  /// Whether a new name may take its number.
  bool IsFreeQueue(const Queue& queue) const {
    return queue.policy.deleted && queue.deleted_in <= stored_frame_;
  }
  bool IsFreeType(TypeId id) const {
    return types_[id - 1].policy.deleted && types_[id - 1].deleted_in <= stored_frame_;
  }

  const IdempotencyTable& keys() const { return keys_; }
  const TermsTable& terms() const { return terms_; }
  /// Null if the task has none; valid until the next change.
  const TaskTerms* TermsOf(const TaskImage& image) const {
    return image.has_terms ? SharedTermsOf(image.id).get() : nullptr;
  }
  const TaskTerms* TermsOf(const TaskSlot& task) const {
    return task.has_terms ? SharedTermsOf(task.id).get() : nullptr;
  }
  std::shared_ptr<const TaskTerms> SharedTermsOf(TaskId id) const;
  const LeaseHolder& HolderOf(const TaskSlot& task) const { return workers_.HolderOf(task); }
  uint32_t LeasesOf(const LeaseHolder& holder) const { return workers_.LeasesOf(holder); }
  /// When the last of the queue's running tasks is revoked, if it has not ended by then; 0: none
  /// runs. Looks at every running task.
  ShardTime LastRevocation(QueueId queue) const;
  /// Whether leases of the queue last longer than new ones, nothing revokes them, and the last of
  /// them is over. Looks at every running task if it must.
  bool HasOutlivedLongLeases(const Queue& queue) const;
  /// Running tasks that are to be cancelled.
  size_t cancel_requests() const { return cancel_requests_; }
  /// Ready tasks that run apart.
  size_t ready_apart() const { return ready_apart_; }
  /// The task whose lease, backoff or delay ends first, or null; and that which becomes due first
  /// by the wall clock.
  const TaskSlot* EarliestByShardTime() const;
  const TaskSlot* EarliestByWallTime() const;
  /// When the lease of a running task, or the backoff of a retrying one, ends.
  ShardTime TimerOf(const TaskSlot& task) const {
    TREADLE_CHECK(task.timer < by_shard_time_.size());
    return {by_shard_time_.at(task.timer).when};
  }
  /// When the lease or backoff of EarliestByShardTime() ends.
  ShardTime EarliestShardTime() const { return {by_shard_time_.top().when}; }

  // What is memory only, and so changes without an effect.

  /// The lease of a running task lasts for its queue's lease time from now on, but not beyond the
  /// moment at which it is to be revoked.
  void RenewLease(TaskId id);
  /// Renews the lease of every running task from now on, for its queue's lease time. After
  /// recovery.
  void RenewAllLeases();
  /// Queues whose counters changed since the last call.
  std::vector<QueueId> TakeTouchedQueues();
  void Touch(QueueId id);
  /// The worker of this lease, which is lost or revoked, has lost one more: what its other leases
  /// have in common with it until they are renewed.
  void NoteSharedLoss(const TaskSlot& task);
  /// Whether a task that runs apart stopped waiting since the last call.
  bool TakeLeftApart() { return std::exchange(left_apart_, false); }
  struct ReadyLane {
    QueueId queue;
    TypeId type;
    bool of_those_apart;
  };
  /// Lanes that a task joined since the last call.
  std::vector<ReadyLane> TakeReadyLanes();

  // Parts in memory.

  size_t parts_bytes() const { return parts_bytes_; }
  size_t parts_bytes_max = size_t{32} << 20;
  /// The store holds everything up to `frame`. Ended tasks leave; parts of others are dropped while
  /// they exceed their budget. Handles at most `limit` tasks; true if there are more.
  bool Forget(uint64_t frame, size_t limit);
  /// Gives a live task back the parts that the store has; nothing if it is gone or has its body.
  void Supply(const TaskRecord& record);

  // What recovery loads from the store before it replays.

  void LoadTask(const TaskRecord& record, uint32_t payload_bytes);
  void LoadEnded(const TaskImage& image, uint32_t bytes);
  void LoadNextSequence(uint64_t next) { next_sequence_ = std::max(next_sequence_, next); }

  /// A queue that says that more tasks came, or fewer, than it has and has let go; null: all
  /// accounts are right. They are once all of store and journal has been applied.
  const Queue* FindWrongAccount() const;
  /// Whether that of one queue is right.
  static bool HasRightAccount(const Queue& queue);
  /// Aborts unless lanes, timers, counts and slots agree. Slow; for tests and the simulation.
  void CheckInvariants() const;

 private:
  struct SetTimer {
    State* state;
    void operator()(uint32_t slot, uint32_t position) { state->tasks_[slot].timer = position; }
  };
  using Timers = TimerHeap<uint32_t, SetTimer>;

  using Names = std::unordered_map<std::string, uint32_t>;
  using DeletedNames = std::set<std::pair<uint64_t, uint32_t>>;  // frame of the deletion, number

  static void SetName(const std::string& name, uint32_t id, std::string* now, Names* names);
  void NoteDeletion(bool was, bool is, uint32_t id, uint64_t* deleted_in, DeletedNames* all) const;
  uint32_t NumberFor(size_t given, const DeletedNames& deleted, size_t max) const;
  bool HasNumbers(size_t wanted, size_t given, const DeletedNames& deleted, size_t max) const;
  void TakeOver(Queue* queue);
  /// An ended task that is no longer kept; an entry without a task is none.
  void Uncount(const EndedTasks::Entry& entry) {
    if (entry.task == TaskId{}) return;
    TREADLE_CHECK(types_[entry.type - 1].tasks > 0);
    --types_[entry.type - 1].tasks;
  }
  bool HasQueue(QueueId id) const { return id - 1 < queues_.size(); }
  bool HasType(TypeId id) const { return id - 1 < types_.size(); }
  Queue& MutableQueue(QueueId id) { return *queues_[id - 1]; }
  uint32_t SlotOf(const TaskImage& image);
  void Change(uint32_t slot, const TaskImage& image, const LeaseHolder* holder);
  void Attach(uint32_t slot, const TaskImage& image, const LeaseHolder* holder);
  void Detach(uint32_t slot);
  void NoteEnd(const TaskSlot& task, uint64_t ordinal);
  void Leave(uint32_t slot, const QueuePlace& place);
  void SignalLane(Lane* lane, bool of_those_apart);
  int64_t LeaseEndMs(const TaskSlot& task) const;
  void NoteLongLeases(Queue* queue) const;
  void RemoveEnded(EndedTasks* ended, uint64_t from);
  void MarkChanged(TaskSlot* task);
  template <class SetParts>
  void EditParts(TaskSlot* task, SetParts set);
  void DropParts(TaskSlot* task);
  void NoteSupplied(TaskId id);
  void Erase(uint32_t slot);

  ShardId shard_;
  ShardTime now_;
  uint64_t frame_ = 0;
  uint64_t next_sequence_ = 1;
  uint64_t stored_frame_ = 0;
  SlabTable<TaskSlot> tasks_;
  Pool<ImageRest> rests_;
  std::vector<std::unique_ptr<Queue>> queues_;
  Names queue_ids_;
  DeletedNames deleted_queues_;
  struct Type {
    std::string name;
    TypePolicy policy;
    uint64_t tasks = 0;       // that are there
    uint64_t deleted_in = 0;  // the frame of its deletion
  };
  std::vector<Type> types_;
  Names type_ids_;
  DeletedNames deleted_types_;
  IdempotencyTable keys_;
  TermsTable terms_;
  WorkerTable workers_;
  Timers by_shard_time_;  // leases, backoffs and delays
  Timers by_wall_time_;   // tasks that are scheduled for a date
  std::vector<QueueId> touched_;
  std::vector<ReadyLane> ready_lanes_;
  std::deque<std::pair<uint64_t, TaskId>>
      changed_;                  // since the store's frame; each task at most once
  std::deque<TaskId> supplied_;  // live tasks whose parts the store has and memory too
  size_t parts_bytes_ = 0;
  size_t cancel_requests_ = 0;
  size_t ready_apart_ = 0;
  bool left_apart_ = false;
};

}  // namespace treadle
