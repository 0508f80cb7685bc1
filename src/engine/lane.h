// Lane: the ready tasks of one queue and one type, in lease order: priority 9 first, then the
// oldest id. Not thread safe.
//
// The problem. A worker asks for some queues and some types, and gets the first task of all of
// them. Two workers rarely ask for the same. With one ordered structure per queue, a worker for a
// rare type would step over a million tasks of another type to find its own. And there may be tens
// of millions of ready tasks, so each byte per task counts, and nothing may take time in proportion
// to their number.
//
// The idea. One lane per (queue, type): whatever a worker asks for is a set of whole lanes. A lease
// puts their fronts into a heap (LaneHeap in lease.cc) and merges them: O(log lanes) per task. A
// lane itself has ten levels, one per priority, and a bit for each that is in use, so its front is
// found without a search.
//
// Within a level, almost all tasks come in the order of their ids, because an id is given when a
// task is enqueued. They join the tail of a list that runs through the slots: eight bytes a task,
// O(1) to add, to take, and to remove from the middle. A task that comes back (a retry, a released
// lease, one that was scheduled) keeps its id and is older than the tail. Such tasks wait in an
// ordered set next to the list, 48 bytes each, and the front is the older of both heads.
//
// Why this is right. A task joins the list only if its id is above the tail's, so the list is
// always in order, also when tasks leave it; the set is by its nature. The older of two ordered
// heads is the oldest of all. A tail that leaves may let an older task join the list later; that
// keeps the order as well. After a restart the store gives the tasks of each level oldest first, so
// they all join lists.
//
// What it rests on, and what it costs:
//
// - The order is one promise, not a preference. If the front's payload is not in memory, a lease
//   stops there and has it loaded; it does not take the next task instead.
// - Ids rise. If they came from several sources, every task might land in the set.
// - A million tasks scheduled for the same minute pass through the set: O(log n) each, once.
// - A task that may have killed its worker waits in another lane of the same queue and type
//   (Queue::apart), because only a worker that holds nothing else may have it.
//
// The bits and levels are those of a scheduler with priorities; the merge of ordered lists is Knuth
// (The Art of Computer Programming, vol. 3, 5.4.1). tests/model compares each lease with a
// reference that sorts all tasks.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <utility>

#include "engine/slab.h"
#include "engine/task_slot.h"
#include "model/limits.h"

namespace treadle {

class Lane {
 public:
  Lane(QueueId queue, TypeId type) : queue_(queue), type_(type) {}

  QueueId queue() const { return queue_; }
  TypeId type() const { return type_; }
  bool empty() const { return levels_in_use_ == 0; }

  void Add(SlabTable<TaskSlot>* tasks, uint32_t slot);
  void Remove(SlabTable<TaskSlot>* tasks, uint32_t slot);

  /// The task that the next lease takes. The lane must not be empty.
  uint32_t Front(const SlabTable<TaskSlot>& tasks) const;

  /// Calls `visit(slot)` for tasks in lease order until it returns false.
  template <class Visit>
  void ForEach(const SlabTable<TaskSlot>& tasks, Visit visit) const;

  /// Calls `visit(slot)` for tasks of one priority, the newest first, until it returns false.
  template <class Visit>
  void ForEachNewest(const SlabTable<TaskSlot>& tasks, size_t priority, Visit visit) const;

  /// Set by the state when a task joins, cleared by whoever notifies the waiting workers.
  bool signalled = false;

 private:
  struct Level {
    uint32_t head = kNoSlot;
    uint32_t tail = kNoSlot;
  };
  using Returned = std::set<std::pair<uint64_t, uint32_t>>;  // (id, slot)

  uint32_t FrontOf(const SlabTable<TaskSlot>& tasks, size_t priority) const;

  QueueId queue_;
  TypeId type_;
  uint16_t levels_in_use_ = 0;  // bit p: some task of priority p waits
  std::array<Level, limits::kPriorityMax + 1> levels_;
  std::array<Returned, limits::kPriorityMax + 1> returned_;
};

template <class Visit>
void Lane::ForEach(const SlabTable<TaskSlot>& tasks, Visit visit) const {
  for (size_t p = limits::kPriorityMax + 1; p-- > 0;) {
    uint32_t next = levels_[p].head;
    auto back = returned_[p].begin();
    while (next != kNoSlot || back != returned_[p].end()) {
      const bool take_returned =
          back != returned_[p].end() && (next == kNoSlot || back->first < tasks[next].id.packed);
      const uint32_t slot = take_returned ? back->second : next;
      if (take_returned) {
        ++back;
      } else {
        next = tasks[next].next;
      }
      if (!visit(slot)) return;
    }
  }
}

template <class Visit>
void Lane::ForEachNewest(const SlabTable<TaskSlot>& tasks, size_t priority, Visit visit) const {
  uint32_t next = levels_[priority].tail;
  auto back = returned_[priority].rbegin();
  while (next != kNoSlot || back != returned_[priority].rend()) {
    const bool take_returned = back != returned_[priority].rend() &&
                               (next == kNoSlot || back->first > tasks[next].id.packed);
    const uint32_t slot = take_returned ? back->second : next;
    if (take_returned) {
      ++back;
    } else {
      next = tasks[next].previous;
    }
    if (!visit(slot)) return;
  }
}

}  // namespace treadle
