// Queue: a queue's policy, its own numbers, its lanes, and which ended tasks it keeps.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <utility>

#include "base/check.h"
#include "engine/effects.h"
#include "engine/lane.h"
#include "model/queue_policy.h"

namespace treadle {

/// The tasks of a queue that ended in one state and are kept, oldest first: consecutive ordinals
/// from `first`. An entry without a task is one that left otherwise (deleted, redriven).
class EndedTasks {
 public:
  struct Entry {
    TaskId task;
    ShardTime ended_at;
    uint32_t bytes = 0;
    TypeId type = 0;
  };

  bool empty() const { return entries_.empty(); }
  /// Tasks, entries without one not counted.
  size_t tasks() const { return tasks_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t first() const { return first_; }
  /// Of an ordinal from first() on, not beyond the newest that was added.
  const Entry& at(uint64_t ordinal) const { return entries_[ordinal - first_]; }

  /// Notes a task under its ordinal, in the place of what was noted before; nothing happens if the
  /// ordinal lies before first(). Returns which of the two is not here now; without a task if there
  /// was only one.
  Entry Put(uint64_t ordinal, const Entry& entry) {
    if (ordinal < first_) return entry;
    while (first_ + entries_.size() <= ordinal) entries_.push_back({});
    Entry& place = entries_[ordinal - first_];
    Uncount(place);
    ++tasks_;
    bytes_ += entry.bytes;
    return std::exchange(place, entry);
  }

  /// The task leaves: what was noted of it. Without a task if it is not here under that ordinal.
  Entry Remove(uint64_t ordinal, TaskId task) {
    if (!Holds(ordinal, task)) return {};
    Entry& place = entries_[ordinal - first_];
    Uncount(place);
    return std::exchange(place, {});
  }

  bool Holds(uint64_t ordinal, TaskId task) const {
    return ordinal >= first_ && ordinal - first_ < entries_.size() && at(ordinal).task == task;
  }

  template <class Visit>
  void ForEach(Visit visit) const {
    for (const Entry& entry : entries_)
      if (entry.task != TaskId{}) visit(entry);
  }

  /// Starts over, empty, at `first`.
  void Reset(uint64_t first) {
    TREADLE_CHECK(tasks_ == 0);  // nothing that is kept is forgotten
    *this = EndedTasks(), first_ = first;
  }

  Entry PopFront() {
    const Entry entry = entries_.front();
    entries_.pop_front();
    ++first_;
    Uncount(entry);
    return entry;
  }

 private:
  void Uncount(const Entry& entry) {
    tasks_ -= entry.task != TaskId{};
    bytes_ -= entry.bytes;
  }

  std::deque<Entry> entries_;
  uint64_t first_ = 1;
  uint64_t tasks_ = 0;
  uint64_t bytes_ = 0;
};

/// What a queue keeps of the tasks that ended in one state, at most.
struct Keep {
  int64_t tasks;
  int64_t ms;
  int64_t bytes;
};
Keep KeepOf(const RetentionPolicy& policy, TaskState state);

struct Queue {
  QueueId id = 0;
  std::string name;
  QueuePolicy policy;
  CountersAreNow counters;
  std::array<uint64_t, 8>
      live{};               // tasks in each state that is not terminal, by the state's number
  uint64_t live_bytes = 0;  // of their payloads
  std::map<TypeId, std::unique_ptr<Lane>> lanes;
  std::map<TypeId, std::unique_ptr<Lane>> apart;  // of the tasks that run apart; mostly empty
  std::array<EndedTasks, kEndedStates> ended;
  uint64_t deleted_in = 0;  // the frame of its deletion
  bool touched = false;     // its counters are to be written at the end of the batch
  /// While leases last longer than new ones and nothing ends them: when the newest of them began.
  WallTime long_leases_began;

  Lane& LaneOf(TypeId type, bool of_those_apart = false) {
    std::unique_ptr<Lane>& lane = (of_those_apart ? apart : lanes)[type];
    if (lane == nullptr) lane = std::make_unique<Lane>(id, type);
    return *lane;
  }
  uint64_t live_tasks() const { return std::accumulate(live.begin(), live.end(), uint64_t{0}); }
  /// Neither waiting nor running nor kept.
  bool is_empty() const {
    return live_tasks() == 0 &&
           std::ranges::all_of(ended, [](const EndedTasks& e) { return e.tasks() == 0; });
  }
  /// `state` must be one that ends a task.
  EndedTasks& ended_in(TaskState state) { return ended[EndedIndex(state)]; }
  const EndedTasks& ended_in(TaskState state) const { return ended[EndedIndex(state)]; }
};

}  // namespace treadle
