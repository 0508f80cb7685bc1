#include "engine/engine.h"

#include <algorithm>
#include <limits>
#include <variant>

namespace treadle {
namespace {

constexpr uint64_t kRemovedPerBatch = 10'000;  // ended tasks of a queue; more would be a pause

}  // namespace

void Engine::BeginBatch(uint64_t sequence, const BatchTime& time, std::string* effects) {
  TREADLE_CHECK(effects_ == nullptr);
  effects_ = effects;
  time_ = time;
  state_.BeginFrame(sequence, time.shard);
}

void Engine::SetTime(const BatchTime& time) {
  time_ = time;
  state_.BeginFrame(state_.frame(), time.shard);
}

void Engine::EndBatch() {
  for (const QueueId id : state_.TakeTouchedQueues()) {
    const CountersAreNow counters = Retain(state_.queue(id));
    const uint64_t before = state_.queue(id).counters.removed_retention;
    Emit(counters);
    if (counters.removed_retention - before == kRemovedPerBatch) state_.Touch(id);  // more
  }
  effects_ = nullptr;
}

// The queue's counters as they are after the oldest of its ended tasks have gone that its policy
// does not keep.
CountersAreNow Engine::Retain(const Queue& queue) const {
  CountersAreNow counters = queue.counters;
  const RetentionPolicy& keep = queue.policy.retention;
  const auto is_old = [&](const EndedTasks& ended, uint64_t ordinal, int64_t keep_ms) {
    return ended.at(ordinal).ended_at + keep_ms < time_.shard;
  };
  auto count = static_cast<int64_t>(queue.completed.size());
  auto bytes = static_cast<int64_t>(queue.completed.bytes());
  size_t removed = 0;
  for (; count > 0 && removed < kRemovedPerBatch; --count, ++removed) {
    if (count <= keep.completed_tasks && bytes <= keep.completed_bytes &&
        !is_old(queue.completed, counters.completed_from, keep.completed_ms))
      break;
    bytes -= queue.completed.at(counters.completed_from).bytes;
    ++counters.completed_from;
  }
  for (auto left = queue.dead.size(); left > 0 && removed < kRemovedPerBatch; --left, ++removed) {
    if (!is_old(queue.dead, counters.dead_from, keep.dead_ms)) break;
    ++counters.dead_from;
  }
  counters.removed_retention += removed;
  return counters;
}

Status Engine::Replay(uint64_t sequence, ShardTime time, std::string_view effects) {
  state_.BeginFrame(sequence, time);
  EffectReader reader(state_.shard(), effects);
  while (true) {
    TREADLE_ASSIGN_OR_RETURN(const std::optional<Effect> effect, reader.Next());
    if (!effect) break;
    std::visit([&](const auto& e) { state_.Apply(e); }, *effect);
  }
  state_.TakeTouchedQueues();
  return {};
}

std::vector<Engine::ReadyLane> Engine::TakeReadyLanes() {
  std::vector<ReadyLane> lanes;
  for (const auto& [queue, type] : state_.TakeReadyLanes())
    lanes.push_back({state_.queue(queue).name, state_.type_name(type)});
  return lanes;
}

bool Engine::HasReady(std::string_view queue, std::string_view type) const {
  const Queue* found = state_.FindQueue(queue);
  const TypeId type_id = state_.FindType(type);
  if (found == nullptr || type_id == 0) return false;
  const auto lane = found->lanes.find(type_id);
  return lane != found->lanes.end() && !lane->second->empty();
}

}  // namespace treadle
