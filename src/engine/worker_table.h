// WorkerTable: which leases each worker incarnation holds. Entries exist while there is a lease.
// Not thread safe.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/check.h"
#include "engine/slab.h"
#include "engine/task_slot.h"

namespace treadle {

class WorkerTable {
 public:
  /// Adds the task to the leases of `holder` and notes the holder in its slot.
  void Add(SlabTable<TaskSlot>* tasks, uint32_t slot, const LeaseHolder& holder);
  void Remove(SlabTable<TaskSlot>* tasks, uint32_t slot);

  const LeaseHolder& HolderOf(const TaskSlot& task) const {
    TREADLE_CHECK(task.state == TaskState::kRunning);  // the number of others is an old one
    return holders_[task.rest->worker].who;
  }

  /// `visit` is given the slot of every running task.
  template <class Visit>
  void ForEachLease(const SlabTable<TaskSlot>& tasks, Visit visit) const {
    for (const Holder& holder : holders_)
      for (uint32_t slot = holder.head; slot != kNoSlot; slot = tasks[slot].next)
        visit(tasks[slot]);
  }

  /// The first of the holder's leases (follow TaskSlot::next), or kNoSlot.
  uint32_t LeasesOf(const LeaseHolder& holder) const;

 private:
  struct Holder {
    LeaseHolder who;
    uint32_t head = kNoSlot;
  };

  std::vector<Holder> holders_;
  std::vector<uint32_t> free_;
  std::map<LeaseHolder, uint32_t> numbers_;
};

}  // namespace treadle
