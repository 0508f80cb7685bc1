// Queue: a queue's policy, its own numbers, its lanes, and which ended tasks it keeps.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "engine/effects.h"
#include "engine/lane.h"
#include "model/queue_policy.h"

namespace treadle {

/// The ended tasks that a queue keeps, oldest first: consecutive ordinals from `first`. An entry
/// without a task is one that left otherwise.
class EndedTasks {
 public:
  struct Entry {
    TaskId task;
    ShardTime ended_at;
    uint32_t bytes = 0;
  };

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  uint64_t bytes() const { return bytes_; }
  uint64_t first() const { return first_; }
  const Entry& at(uint64_t ordinal) const { return entries_[ordinal - first_]; }

  /// Notes a task under its ordinal; nothing happens if that one is here, or was.
  void Add(uint64_t ordinal, const Entry& entry) {
    while (first_ + entries_.size() < ordinal) entries_.push_back({});
    if (first_ + entries_.size() > ordinal) return;
    entries_.push_back(entry);
    bytes_ += entry.bytes;
  }

  /// Starts over, empty, at `first`.
  void Reset(uint64_t first) { *this = EndedTasks(), first_ = first; }

  Entry PopFront() {
    const Entry entry = entries_.front();
    entries_.pop_front();
    ++first_;
    bytes_ -= entry.bytes;
    return entry;
  }

 private:
  std::deque<Entry> entries_;
  uint64_t first_ = 1;
  uint64_t bytes_ = 0;
};

struct Queue {
  QueueId id = 0;
  std::string name;
  QueuePolicy policy;
  CountersAreNow counters;
  std::array<uint64_t, 8>
      live{};  // tasks in each state that is not terminal, by the state's number
  std::map<TypeId, std::unique_ptr<Lane>> lanes;
  EndedTasks completed;
  EndedTasks dead;
  bool touched = false;  // its counters are to be written at the end of the batch

  Lane& LaneOf(TypeId type) {
    std::unique_ptr<Lane>& lane = lanes[type];
    if (lane == nullptr) lane = std::make_unique<Lane>(id, type);
    return *lane;
  }
};

}  // namespace treadle
