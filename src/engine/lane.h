// Lane: the ready tasks of one queue and one type, in lease order: priority 9 first, then the
// oldest id.
//
// New tasks arrive in id order and join the tail of a list that runs through the slots themselves:
// eight bytes a task, O(1) to add, take and remove. A task that comes back (a retry, a released
// lease, one that was scheduled) is older than the tail; those few wait in an ordered set instead,
// and the lane offers the older of the two heads. Not thread safe.
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
