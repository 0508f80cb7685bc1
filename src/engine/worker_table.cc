#include "engine/worker_table.h"

#include "base/check.h"

namespace treadle {

void WorkerTable::Add(SlabTable<TaskSlot>* tasks, uint32_t slot, const LeaseHolder& holder) {
  auto [it, is_new] = numbers_.try_emplace(holder, 0);
  if (is_new) {
    if (free_.empty()) {
      free_.push_back(static_cast<uint32_t>(holders_.size()));
      holders_.emplace_back();
    }
    it->second = free_.back();
    free_.pop_back();
    holders_[it->second].who = holder;
  }
  TaskSlot& task = (*tasks)[slot];
  TREADLE_CHECK(task.next == kNoSlot && task.previous == kNoSlot);  // nobody else's
  uint32_t& head = holders_[it->second].head;
  task.rest->worker = it->second;
  task.previous = kNoSlot;
  task.next = head;
  if (head != kNoSlot) (*tasks)[head].previous = slot;
  head = slot;
}

void WorkerTable::Remove(SlabTable<TaskSlot>* tasks, uint32_t slot) {
  TaskSlot& task = (*tasks)[slot];
  const uint32_t number = task.rest->worker;
  Holder& holder = holders_[number];
  uint32_t& before = task.previous == kNoSlot ? holder.head : (*tasks)[task.previous].next;
  TREADLE_CHECK(before == slot);
  before = task.next;
  if (task.next != kNoSlot) (*tasks)[task.next].previous = task.previous;
  task.previous = task.next = kNoSlot;
  if (holder.head != kNoSlot) return;
  TREADLE_CHECK(numbers_.erase(holder.who) == 1);
  holder.who = {};
  free_.push_back(number);
}

uint32_t WorkerTable::LeasesOf(const LeaseHolder& holder) const {
  const auto it = numbers_.find(holder);
  return it == numbers_.end() ? kNoSlot : holders_[it->second].head;
}

}  // namespace treadle
