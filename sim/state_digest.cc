#include "sim/state_digest.h"

#include <string>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/random.h"

namespace treadle::sim {
namespace {

template <class E>
uint64_t HashOf(const E& effect) {
  std::string bytes;
  ByteWriter out(&bytes);
  Encode(effect, &out);
  return Xxh3(bytes);
}

uint64_t DigestOfTask(const State& state, const TaskSlot& task) {
  TaskIsNow effect{.image = task.image()};
  if (task.state == TaskState::kRunning) effect.holder = state.HolderOf(task);
  effect.terms = state.SharedTermsOf(task.id);
  return HashOf(effect);
}

}  // namespace

uint64_t StateDigest(const Engine& engine) {
  const State& state = engine.state();
  uint64_t digest = Mix64(state.next_task().packed) + Mix64(state.keys().size() + 1);
  for (uint32_t slot = 0; slot < state.tasks().slots(); ++slot) {
    const TaskSlot& task = state.tasks()[slot];
    if (task.id.packed != 0 && !IsTerminal(task.state)) digest += DigestOfTask(state, task);
  }
  for (QueueId id = 1; id <= state.queues(); ++id) {
    const Queue& queue = state.queue(id);
    digest += HashOf(QueueIsNow{.id = id, .name = queue.name, .policy = queue.policy});
    digest += HashOf(queue.counters);
    for (size_t i = 0; i < kEndedStates; ++i)
      digest += Mix64(i + 1) * Mix64(queue.ended[i].tasks());
  }
  for (TypeId id = 1; id <= state.types(); ++id)
    digest += HashOf(TypeIsNow{
        .id = id, .name = std::string(state.type_name(id)), .policy = state.type_policy(id)});
  return digest;
}

}  // namespace treadle::sim
