// Admit: whether a batch of tasks, or one that comes by hand, is accepted, and what must give way
// to it. Changes nothing.

#include <algorithm>
#include <map>
#include <string>

#include "base/check.h"
#include "engine/batch_limits.h"
#include "engine/engine.h"
#include "model/limits.h"

namespace treadle {
namespace {

constexpr size_t kKeysMax = 5'000'000;
constexpr int64_t kRetryFullMs = 1'000;

/// What the batch brings to one queue.
struct Incoming {
  uint64_t tasks = 0;
  uint64_t bytes = 0;
  uint64_t leaving_tasks = 0;  // that are replaced
  uint64_t leaving_bytes = 0;
  uint8_t least_priority = limits::kPriorityMax;
};

/// What a queue has too much of.
struct Excess {
  int64_t tasks = 0;
  int64_t bytes = 0;
  bool any() const { return tasks > 0 || bytes > 0; }
  /// Not more than `other`, or none at all.
  bool IsWithin(const Excess& other) const {
    return tasks <= std::max<int64_t>(other.tasks, 0) && bytes <= std::max<int64_t>(other.bytes, 0);
  }
};

Excess ExcessOf(const Queue& queue, const Incoming& incoming) {
  const CapacityPolicy& capacity = queue.policy.capacity;
  const auto beyond = [](int64_t bound, uint64_t now, uint64_t come, uint64_t leave) {
    return bound == 0 ? 0 : static_cast<int64_t>(now + come - leave) - bound;
  };
  return {beyond(capacity.tasks, queue.live_tasks(), incoming.tasks, incoming.leaving_tasks),
          beyond(capacity.bytes, queue.live_bytes, incoming.bytes, incoming.leaving_bytes)};
}

// Ready tasks below `priority` that make up for `excess`, at most that many: the lowest priority
// first, and of one priority the newest. Those that were found, if they do not suffice.
std::vector<TaskId> Victims(const State& state, const Queue& queue, uint8_t priority, size_t most,
                            Excess* excess) {
  std::vector<TaskId> victims;
  for (uint8_t p = 0; p < priority && excess->any() && victims.size() < most; ++p) {
    std::vector<std::pair<TaskId, uint32_t>> candidates;
    for (const auto& [type, lane] : queue.lanes) {
      Excess left = *excess;
      size_t room = most - victims.size();
      lane->ForEachNewest(state.tasks(), p, [&](uint32_t slot) {
        const TaskSlot& task = state.tasks()[slot];
        candidates.emplace_back(task.id, task.payload_bytes);
        left.tasks -= 1;
        left.bytes -= task.payload_bytes;
        return left.any() && --room > 0;
      });
    }
    std::ranges::sort(candidates, std::greater());
    for (const auto& [id, bytes] : candidates) {
      if (!excess->any() || victims.size() == most) break;
      victims.push_back(id);
      excess->tasks -= 1;
      excess->bytes -= bytes;
    }
  }
  TREADLE_CHECK(victims.size() <= most);
  return victims;
}

Status IsFull(const Queue& queue) {
  const CapacityPolicy& capacity = queue.policy.capacity;
  TREADLE_CHECK(capacity != CapacityPolicy{});  // a queue without a bound is never full
  std::string bound;
  if (capacity.tasks > 0) bound += std::to_string(capacity.tasks) + " tasks";
  if (capacity.bytes > 0)
    bound += (bound.empty() ? "" : " or ") + std::to_string(capacity.bytes) + " bytes of payload";
  return Status(Code::kResourceExhausted,
                "queue " + queue.name + " is full: it holds at most " + bound)
      .WithRetryAfter(kRetryFullMs);
}

// What must be shed for what comes; IsFull() if that does not suffice.
Status Fit(const State& state, const Queue& queue, const Incoming& incoming,
           std::vector<TaskId>* shed) {
  TREADLE_CHECK(shed->size() <= kShedMax);
  Excess excess = ExcessOf(queue, incoming);
  if (excess.any() && queue.policy.capacity.shed) {
    const size_t most = kShedMax - shed->size();
    const std::vector<TaskId> victims =
        Victims(state, queue, incoming.least_priority, most, &excess);
    shed->insert(shed->end(), victims.begin(), victims.end());
    // A bound that was set below what is there is reached batch by batch.
    if (victims.size() == most && excess.IsWithin(ExcessOf(queue, {}))) return {};
  }
  return excess.any() ? IsFull(queue) : Status();
}

Status KeyIs(const std::string& what, const EnqueueCommand& command, size_t i) {
  return {Code::kAlreadyExists, PlaceInBatch(command.tasks, i) + "idempotency_key is " + what};
}

Status TooManyKeys() {
  return Status(Code::kResourceExhausted,
                "too many idempotency keys are still in their window; try again later")
      .WithRetryAfter(60'000);
}

}  // namespace

std::string PlaceInBatch(const std::vector<NewTask>& tasks, size_t i) {
  TREADLE_CHECK(i < tasks.size());
  return tasks.size() == 1 ? std::string() : "tasks[" + std::to_string(i) + "].";
}

Result<Engine::Admission> Engine::Admit(const EnqueueCommand& command) const {
  Admission admission;
  admission.plans.resize(command.tasks.size());
  TREADLE_RETURN_IF_ERROR(PlanDuplicates(command, &admission));
  TREADLE_RETURN_IF_ERROR(CheckNames(command));
  TREADLE_RETURN_IF_ERROR(MakeRoom(command, &admission));
  return admission;
}

// Refuses whatever would make the batch fail half way: keys taken by other requests, too many keys.
Status Engine::PlanDuplicates(const EnqueueCommand& command, Admission* admission) const {
  TREADLE_CHECK(admission->plans.size() == command.tasks.size());
  std::map<IdempotencyId, size_t> own;  // keys that this very batch takes, and by which task
  for (size_t i = 0; i < command.tasks.size(); ++i) {
    const NewTask& task = command.tasks[i];
    if (task.body->idempotency_key.empty()) continue;
    const EnqueueCommand::Key& key = command.keys[i];
    const auto [it, is_first] = own.emplace(key.id, i);
    if (!is_first) {
      if (command.keys[it->second].request_hash != key.request_hash ||
          task.on_duplicate != OnDuplicate::kReturn)
        return KeyIs("used twice in this batch", command, i);
      admission->plans[i].twin = it->second;
      continue;
    }
    const KeyIsNow* taken = state_.keys().Find(key.id);
    if (taken == nullptr || taken->expires <= state_.now()) continue;
    const std::string holder = "taken by task " + taken->task.ToString();
    if (task.on_duplicate == OnDuplicate::kReplace) {
      const TaskSlot* slot = state_.Find(taken->task);
      if (slot == nullptr || IsTerminal(slot->state) || slot->attempt() > 0)
        return KeyIs(holder + ", which has already begun or ended", command, i);
      admission->plans[i].replaces = taken->task;
      continue;
    }
    if (task.on_duplicate == OnDuplicate::kRefuse) return KeyIs(holder, command, i);
    if (taken->request_hash != key.request_hash)
      return KeyIs(holder + ", whose request was different", command, i);
    admission->plans[i].existing = taken->task;
  }
  return state_.keys().size() + own.size() > kKeysMax ? TooManyKeys() : Status();
}

Status Engine::CheckQueue(const std::string& name) const {
  const Queue* queue = state_.FindQueue(name);
  if (strict_queues && (queue == nullptr || queue->policy.deleted))
    return {Code::kNotFound, "there is no queue " + name +
                                 ", and this server creates queues only from a policy "
                                 "(strict_queues); set its policy first"};
  if (queue != nullptr && queue->policy.draining)
    return {Code::kFailedPrecondition, "queue " + name + " is draining: it accepts no new tasks"};
  return {};
}

Status Engine::MakeRoom(const EnqueueCommand& command, Admission* admission) const {
  std::map<const Queue*, Incoming> bounded;
  const Queue* queue = nullptr;
  for (size_t i = 0; i < command.tasks.size(); ++i) {
    const NewTask& task = command.tasks[i];
    if (i == 0 || task.queue != command.tasks[i - 1].queue) queue = state_.FindQueue(task.queue);
    const Admission::Plan& plan = admission->plans[i];
    if (queue == nullptr || plan.twin || plan.existing != TaskId{}) continue;
    if (queue->policy.draining) return CheckQueue(queue->name);
    if (queue->policy.capacity == CapacityPolicy{}) continue;
    Incoming& incoming = bounded[queue];
    incoming.tasks += 1;
    incoming.bytes += task.body->payload.size();
    incoming.least_priority = std::min(incoming.least_priority, task.priority);
    if (const TaskSlot* old = state_.Find(plan.replaces)) {
      incoming.leaving_tasks += 1;
      incoming.leaving_bytes += old->payload_bytes;
    }
  }
  for (const auto& [full, incoming] : bounded)
    TREADLE_RETURN_IF_ERROR(Fit(state_, *full, incoming, &admission->shed));
  // Each costs an effect, and all of them must fit into the frame of this command.
  TREADLE_CHECK(admission->shed.size() <= kShedMax);
  return {};
}

// A task that comes by hand needs room like one that is enqueued.
Result<std::vector<TaskId>> Engine::RoomFor(const Queue& queue, uint64_t bytes,
                                            uint8_t priority) const {
  std::vector<TaskId> shed;
  if (queue.policy.capacity == CapacityPolicy{}) return shed;
  TREADLE_RETURN_IF_ERROR(
      Fit(state_, queue, {.tasks = 1, .bytes = bytes, .least_priority = priority}, &shed));
  TREADLE_CHECK(shed.size() <= kShedMax);
  return shed;
}

Status Engine::CheckGrowth(const Queue& queue, uint64_t bytes) const {
  const int64_t bound = queue.policy.capacity.bytes;
  if (bound == 0 || queue.live_bytes + bytes <= static_cast<uint64_t>(bound)) return {};
  return IsFull(queue);
}

Status Engine::CheckKeyIsFree(TaskId id, const IdempotencyId& key) const {
  const KeyIsNow* const taken = state_.keys().Find(key);
  if (taken == nullptr) return state_.keys().size() < kKeysMax ? Status() : TooManyKeys();
  if (taken->task == id || taken->expires <= state_.now()) return {};
  const std::string other = taken->task.ToString();
  return {Code::kAlreadyExists, "the idempotency key of task " + id.ToString() +
                                    " is taken by task " + other + "; wait until " + other +
                                    " has ended, or cancel it first"};
}

}  // namespace treadle
