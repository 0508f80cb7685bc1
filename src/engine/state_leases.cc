// State: when leases end, and which of them last longer than new ones.

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "engine/state.h"

namespace treadle {
namespace {

bool LastLongerForEver(const QueuePolicy& policy) {
  return policy.lease_before_ms != 0 && policy.lease_before_until.ms == INT64_MAX;
}

}  // namespace

int64_t State::LeaseEndMs(const TaskSlot& task) const {
  const int64_t lease_ms = queue(task.queue).policy.LeaseMsAt(now_);
  const int64_t end = (now_ + lease_ms).ms;
  return task.when_ms == 0 ? end : std::min(end, task.when_ms);
}

ShardTime State::LastRevocation(QueueId queue) const {
  ShardTime last;
  workers_.ForEachLease(tasks_, [&](const TaskSlot& task) {
    const int64_t when_ms = task.when_ms == 0 ? INT64_MAX : task.when_ms;
    if (task.queue == queue) last.ms = std::max(last.ms, when_ms);
  });
  return last;
}

void State::NoteLongLeases(Queue* queue) const {
  queue->long_leases_began = {};
  if (!LastLongerForEver(queue->policy)) return;
  workers_.ForEachLease(tasks_, [&](const TaskSlot& task) {
    if (task.queue == queue->id)
      queue->long_leases_began = std::max(queue->long_leases_began, task.rest->started_at);
  });
}

bool State::HasOutlivedLongLeases(const Queue& queue) const {
  if (!LastLongerForEver(queue.policy)) return false;
  bool has_one = false;
  workers_.ForEachLease(tasks_, [&](const TaskSlot& task) {
    has_one |= task.queue == queue.id && task.rest->started_at <= queue.long_leases_began;
  });
  return !has_one;
}

void State::RenewLease(TaskId id) {
  const uint32_t slot = tasks_.Find(TaskSlot::HashOf(id), id);
  TREADLE_CHECK(slot != kNoSlot && tasks_[slot].state == TaskState::kRunning);
  by_shard_time_.Remove(tasks_[slot].timer);
  by_shard_time_.Push(LeaseEndMs(tasks_[slot]), slot);
  tasks_[slot].shared = false;
}

void State::NoteSharedLoss(const TaskSlot& task) {
  TREADLE_CHECK(task.state == TaskState::kRunning);
  if (task.shared) return;  // the others know
  for (uint32_t slot = workers_.LeasesOf(HolderOf(task)); slot != kNoSlot; slot = tasks_[slot].next)
    tasks_[slot].shared = tasks_[slot].shared || tasks_[slot].id != task.id;
}

void State::RenewAllLeases() {
  const size_t timers = by_shard_time_.size();
  std::vector<TaskId> running;
  while (!by_shard_time_.empty()) {
    const TaskSlot& task = *EarliestByShardTime();
    if (task.state == TaskState::kRunning) running.push_back(task.id);
    by_shard_time_.Remove(0);
  }
  // Backoffs and delays go back where they were; they were taken out with the leases above.
  for (uint32_t slot = 0; slot < tasks_.slots(); ++slot) {
    const TaskSlot& task = tasks_[slot];
    const bool waits = task.state == TaskState::kRetrying ||
                       (task.state == TaskState::kScheduled && task.by_shard_time);
    if (waits && task.id.packed != 0) by_shard_time_.Push(task.when_ms, slot);
  }
  for (const TaskId id : running) {
    const uint32_t slot = tasks_.Find(TaskSlot::HashOf(id), id);
    by_shard_time_.Push(LeaseEndMs(tasks_[slot]), slot);
  }
  TREADLE_CHECK(by_shard_time_.size() == timers);
  for (const auto& queue : queues_) NoteLongLeases(queue.get());
}

}  // namespace treadle
