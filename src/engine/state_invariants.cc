// State: what must hold between its parts, counted anew: of one queue, or of all that there is.

#include <array>
#include <vector>

#include "base/check.h"
#include "engine/state.h"

namespace treadle {

void State::CheckInvariants() const {
  std::vector<std::array<uint64_t, 8>> live(queues_.size());
  std::vector<uint64_t> live_bytes(queues_.size());
  std::vector<uint64_t> of_type(types_.size());
  uint64_t on_shard_time = 0;
  uint64_t on_wall_time = 0;
  uint64_t cancel_requests = 0;
  uint64_t with_terms = 0;
  uint64_t with_rest = 0;
  uint64_t ready_apart = 0;
  for (uint32_t slot = 0; slot < tasks_.slots(); ++slot) {
    const TaskSlot& task = tasks_[slot];
    with_rest += task.rest != nullptr;
    // One that ended before the store was read may be without: a checkpoint that was cut short.
    with_terms += task.has_terms && (!IsTerminal(task.state) || terms_.Find(task.id) != nullptr);
    if (task.id.packed == 0 || IsTerminal(task.state)) continue;
    ++live[task.queue - 1][static_cast<size_t>(task.state)];
    ++of_type[task.type - 1];
    live_bytes[task.queue - 1] += task.payload_bytes;
    const bool is_scheduled = task.state == TaskState::kScheduled;
    on_shard_time += task.state == TaskState::kRunning || task.state == TaskState::kRetrying ||
                     (is_scheduled && task.by_shard_time);
    on_wall_time += is_scheduled && !task.by_shard_time;
    TREADLE_CHECK(is_scheduled || !task.by_shard_time);
    cancel_requests += task.cancel_requested;
    TREADLE_CHECK(task.spent() <= task.max_attempts);
    TREADLE_CHECK(!task.cancel_requested || task.state == TaskState::kRunning);
  }
  TREADLE_CHECK(cancel_requests == cancel_requests_);
  TREADLE_CHECK(with_terms == terms_.size());
  TREADLE_CHECK(with_rest == rests_.size());
  TREADLE_CHECK(on_shard_time == by_shard_time_.size() && on_wall_time == by_wall_time_.size());
  for (const auto& queue : queues_) {
    TREADLE_CHECK(queue->live == live[queue->id - 1]);
    TREADLE_CHECK(queue->live_bytes == live_bytes[queue->id - 1]);
    uint64_t ready = 0;
    for (const auto* lanes : {&queue->lanes, &queue->apart})
      for (const auto& [type, lane] : *lanes)
        lane->ForEach(tasks_, [&](uint32_t slot) {
          ++ready;
          ready_apart += tasks_[slot].apart;
          TREADLE_CHECK(tasks_[slot].apart == (lanes == &queue->apart));
          return tasks_[slot].state == TaskState::kReady;
        });
    TREADLE_CHECK(ready == queue->live[static_cast<size_t>(TaskState::kReady)]);
  }
  TREADLE_CHECK(ready_apart == ready_apart_);
  for (const auto& queue : queues_)
    for (const EndedTasks& ended : queue->ended)
      ended.ForEach([&](const EndedTasks::Entry& entry) { ++of_type[entry.type - 1]; });
  for (size_t i = 0; i < types_.size(); ++i) TREADLE_CHECK(types_[i].tasks == of_type[i]);
  TREADLE_CHECK(FindWrongAccount() == nullptr);
}

const Queue* State::FindWrongAccount() const {
  for (const auto& queue : queues_)
    if (!HasRightAccount(*queue)) return queue.get();
  return nullptr;
}

bool State::HasRightAccount(const Queue& queue) {
  uint64_t known = queue.live_tasks();
  for (const EndedTasks& ended : queue.ended) known += ended.tasks();
  for (const uint64_t n : queue.counters.removed) known += n;
  return queue.counters.accepted == known;
}

}  // namespace treadle
