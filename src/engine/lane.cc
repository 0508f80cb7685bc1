#include "engine/lane.h"

#include "base/check.h"

namespace treadle {

void Lane::Add(SlabTable<TaskSlot>* tasks, uint32_t slot) {
  TaskSlot& task = (*tasks)[slot];
  const size_t p = task.priority;
  TREADLE_CHECK(task.next == kNoSlot && task.previous == kNoSlot);  // in no other list
  Level& level = levels_[p];
  levels_in_use_ = static_cast<uint16_t>(levels_in_use_ | 1U << p);
  if (level.tail != kNoSlot && (*tasks)[level.tail].id > task.id) {
    task.returned = true;
    returned_[p].emplace(task.id.packed, slot);
    return;
  }
  task.previous = level.tail;
  task.next = kNoSlot;
  (level.tail == kNoSlot ? level.head : (*tasks)[level.tail].next) = slot;
  level.tail = slot;
}

void Lane::Remove(SlabTable<TaskSlot>* tasks, uint32_t slot) {
  TaskSlot& task = (*tasks)[slot];
  const size_t p = task.priority;
  Level& level = levels_[p];
  if (task.returned) {
    task.returned = false;
    TREADLE_CHECK(returned_[p].erase({task.id.packed, slot}) == 1);
  } else {
    uint32_t& before = task.previous == kNoSlot ? level.head : (*tasks)[task.previous].next;
    uint32_t& behind = task.next == kNoSlot ? level.tail : (*tasks)[task.next].previous;
    TREADLE_CHECK(before == slot);  // a task of another lane would tear both lists apart
    before = task.next;
    behind = task.previous;
    task.previous = task.next = kNoSlot;
  }
  if (level.head == kNoSlot && returned_[p].empty())
    levels_in_use_ = static_cast<uint16_t>(levels_in_use_ & ~(1U << p));
}

uint32_t Lane::FrontOf(const SlabTable<TaskSlot>& tasks, size_t priority) const {
  const uint32_t head = levels_[priority].head;
  const Returned& returned = returned_[priority];
  if (returned.empty()) return head;
  if (head == kNoSlot || returned.begin()->first < tasks[head].id.packed)
    return returned.begin()->second;
  return head;
}

uint32_t Lane::Front(const SlabTable<TaskSlot>& tasks) const {
  TREADLE_CHECK(!empty());
  return FrontOf(tasks, static_cast<size_t>(std::bit_width(levels_in_use_) - 1));
}

}  // namespace treadle
