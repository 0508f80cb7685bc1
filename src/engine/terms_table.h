// TermsTable: the terms of those tasks that have some, and which of them runs out of time next.
//
// Most tasks have none and pay nothing here. Not thread safe.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/slab.h"
#include "engine/task_slot.h"
#include "engine/timer_heap.h"
#include "model/task.h"

namespace treadle {

class TermsTable {
 public:
  TermsTable() : timers_(SetPosition{this}) {}
  TermsTable(const TermsTable&) = delete;
  TermsTable& operator=(const TermsTable&) = delete;

  size_t size() const { return entries_.size(); }
  /// Null if the task has none. Valid until the next change.
  const std::shared_ptr<const TaskTerms>* Find(TaskId id) const;
  void Put(TaskId id, std::shared_ptr<const TaskTerms> terms);
  void Erase(TaskId id);
  /// The task is in this state now: its time runs by it.
  void Watch(const TaskImage& image);

  /// The task that runs out of time next, and when. Only if there is one.
  bool has_timer() const { return !timers_.empty(); }
  TaskId next_task() const { return entries_[timers_.top().item].id; }
  ShardTime next_time() const { return {timers_.top().when}; }

 private:
  struct Entry {
    TaskId id;
    std::shared_ptr<const TaskTerms> terms;
    uint32_t hash_next = UINT32_MAX;
    uint32_t timer = kNowhere;

    uint64_t hash() const { return TaskSlot::HashOf(id); }
    bool Matches(TaskId other) const { return id == other; }
  };
  struct SetPosition {
    TermsTable* table;
    void operator()(uint32_t slot, uint32_t position) { table->entries_[slot].timer = position; }
  };

  uint32_t SlotOf(TaskId id) const { return entries_.Find(TaskSlot::HashOf(id), id); }

  SlabTable<Entry> entries_;
  TimerHeap<uint32_t, SetPosition> timers_;
};

/// Whether a task in this state is out of time at `now`, and in which way.
enum class OutOfTime : uint8_t { kNo, kExpired, kDeadline };
OutOfTime IsOutOfTime(const TaskTerms& terms, TaskState state, ShardTime now);

}  // namespace treadle
