#include "engine/engine.h"

#include "base/check.h"

#include <algorithm>
#include <limits>
#include <variant>

namespace treadle {
namespace {

constexpr uint64_t kRemovedPerBatch = 10'000;  // ended tasks of a queue; more would be a pause

}  // namespace

Keep KeepOf(const RetentionPolicy& policy, TaskState state) {
  constexpr int64_t kAll = std::numeric_limits<int64_t>::max();
  TREADLE_CHECK(IsTerminal(state));  // nothing else is removed for its age
  if (state == TaskState::kDead) return {kAll, policy.dead_ms, kAll};
  return {policy.completed_tasks, policy.completed_ms, policy.completed_bytes};
}

void Engine::BeginBatch(uint64_t sequence, const BatchTime& time, std::string* effects) {
  TREADLE_CHECK(effects_ == nullptr && effects != nullptr);
  effects_ = effects;
  time_ = time;
  state_.BeginFrame(sequence, time.shard);
}

void Engine::SetTime(const BatchTime& time) {
  TREADLE_CHECK(effects_ != nullptr);
  time_ = time;
  state_.BeginFrame(state_.frame(), time.shard);
}

void Engine::EndBatch() {
  TREADLE_CHECK(effects_ != nullptr);
  for (const QueueId id : state_.TakeTouchedQueues()) {
    const CountersAreNow counters = Retain(state_.queue(id));
    const uint64_t before = state_.queue(id).counters.removed_by(Removal::kRetention);
    Emit(counters);
    // Before anyone is told of this batch: no task was lost or counted twice.
    TREADLE_CHECK(State::HasRightAccount(state_.queue(id)));
    if (counters.removed_by(Removal::kRetention) - before >= kRemovedPerBatch)
      state_.Touch(id);  // more
  }
  effects_ = nullptr;
}

// The queue's counters as they are after the oldest of its ended tasks have gone that its policy
// does not keep.
CountersAreNow Engine::Retain(const Queue& queue) const {
  CountersAreNow counters = queue.counters;
  uint64_t& removed = counters.removed_by(Removal::kRetention);
  const uint64_t removed_max = removed + kRemovedPerBatch;
  for (size_t i = 0; i < kEndedStates; ++i) {
    const EndedTasks& ended = queue.ended[i];
    TREADLE_CHECK(ended.empty() || counters.ended[i].from == ended.first());
    const Keep keep = KeepOf(queue.policy.retention, static_cast<TaskState>(kFirstEnded + i));
    auto count = static_cast<int64_t>(ended.tasks());
    auto bytes = static_cast<int64_t>(ended.bytes());
    if (count == 0) counters.ended[i].from = counters.ended[i].next;  // all have left otherwise
    for (uint64_t& from = counters.ended[i].from; count > 0 && removed < removed_max; ++from) {
      const EndedTasks::Entry& oldest = ended.at(from);
      if (oldest.task == TaskId{}) continue;  // it left before
      if (count <= keep.tasks && bytes <= keep.bytes && time_.shard <= oldest.ended_at + keep.ms)
        break;
      --count;
      bytes -= oldest.bytes;
      ++removed;
    }
    TREADLE_CHECK(counters.ended[i].from <= counters.ended[i].next);
  }
  return counters;
}

Status Engine::Replay(uint64_t sequence, ShardTime time, std::string_view effects) {
  TREADLE_CHECK(effects_ == nullptr);  // what is replayed is in the journal already
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
  for (const State::ReadyLane& lane : state_.TakeReadyLanes())
    lanes.push_back(
        {state_.queue(lane.queue).name, state_.type_name(lane.type), lane.of_those_apart});
  if (state_.TakeLeftApart())
    for (const auto& [queue, type] : held_back_.TakeMissed())
      lanes.push_back({state_.queue(queue).name, state_.type_name(type)});
  return lanes;
}

bool Engine::HasReady(const ReadyLane& lane) const {
  const Queue* queue = state_.FindQueue(lane.queue);
  if (queue == nullptr || queue->policy.paused) return false;
  const auto& lanes = lane.of_those_apart ? queue->apart : queue->lanes;
  const auto found = lanes.find(state_.FindType(lane.type));
  return found != lanes.end() && !found->second->empty();
}

}  // namespace treadle
