// Names: which queues and task types there are. Both have numbers from 1 upwards, and a limit.
//
// A deleted name keeps its number and is back under it with its next task or policy. Once all
// numbers are given, a new name takes over the number of a deleted one. It must wait until a
// checkpoint has brought the deletion to the store: then no frame that recovery may still replay,
// and no row of the store, says anything of the old name's tasks.

#include <algorithm>
#include <set>
#include <string>

#include "base/check.h"
#include "engine/engine.h"

namespace treadle {
namespace {

constexpr size_t kLookedAtPerTick = 50'000;  // about a millisecond
constexpr size_t kDeletedPerTick = 5'000;
constexpr int64_t kRetryAfterCheckpointMs = 2'000;

// New names are found room for before the last eighth is taken.
bool IsShort(size_t used, size_t max) { return max - std::min(used, max) < (max + 7) / 8; }

Status NoneLeft(std::string_view plural, std::string_view singular, size_t max,
                const std::string& name, bool makes_room) {
  const std::string kind(singular);
  return Status(Code::kResourceExhausted,
                "cannot add " + kind + " " + name + ": there are already " + std::to_string(max) +
                    " " + std::string(plural) +
                    ", which is the limit; delete some first (treadle " + kind + " delete NAME)" +
                    (makes_room ? "; unused ones are removed within seconds" : ""))
      .WithRetryAfter(kRetryAfterCheckpointMs);
}

}  // namespace

Result<const Queue*> Engine::QueueFor(const std::string& name) {
  if (const Queue* queue = state_.FindQueue(name)) {
    if (!queue->policy.deleted) return queue;
    Emit(QueueIsNow{.id = queue->id, .name = name, .policy = {}});
    return queue;
  }
  const QueueId id = state_.NumberForQueue(queues_max);
  if (id == 0) return NoneLeft("queues", "queue", queues_max, name, !strict_queues);
  Emit(QueueIsNow{.id = id, .name = name, .policy = {}, .takes_over = id <= state_.queues()});
  // A number that others still have would mix their tasks with these.
  TREADLE_CHECK(state_.queue(id).is_empty());
  return &state_.queue(id);
}

Result<TypeId> Engine::TypeFor(const std::string& name) {
  if (const TypeId type = state_.FindType(name)) {
    if (state_.type_policy(type).deleted) Emit(TypeIsNow{.id = type, .name = name});
    return type;
  }
  const TypeId id = state_.NumberForType(types_max);
  if (id == 0) return NoneLeft("task types", "type", types_max, name, true);
  Emit(TypeIsNow{.id = id, .name = name, .policy = {}, .takes_over = id <= state_.types()});
  TREADLE_CHECK(state_.tasks_of_type(id) == 0);
  return id;
}

// Of queues and types: known, or not too many of them.
Status Engine::CheckNames(const EnqueueCommand& command) const {
  // Every new queue or type of a batch costs at most one each per task.
  const bool may_be_many = state_.queues() + command.tasks.size() > queues_max ||
                           state_.types() + command.tasks.size() > types_max;
  if (!strict_queues && !may_be_many) return {};
  std::set<std::string_view> queues;  // that take a number which others might take as well
  std::set<std::string_view> types;
  for (const NewTask& task : command.tasks) {
    const Queue* queue = state_.FindQueue(task.queue);
    // One that drains still answers for the tasks that it has.
    if (strict_queues && (queue == nullptr || queue->policy.deleted)) return CheckQueue(task.queue);
    if (queue == nullptr || state_.IsFreeQueue(*queue)) queues.insert(task.queue);
    const TypeId type = state_.FindType(task.type);
    if (type == 0 || state_.IsFreeType(type)) types.insert(task.type);
  }
  if (!state_.HasNumbersForQueues(queues.size(), queues_max))
    return NoneLeft("queues", "queue", queues_max, std::string(*queues.begin()), !strict_queues);
  if (!state_.HasNumbersForTypes(types.size(), types_max))
    return NoneLeft("task types", "type", types_max, std::string(*types.begin()), true);
  return {};
}

Result<TypeView> Engine::DeleteType(const std::string& name) {
  TREADLE_ASSIGN_OR_RETURN(TypeView view, GetType(name));
  if (const uint64_t tasks = state_.tasks_of_type(view.id); tasks > 0)
    return Status(
        Code::kFailedPrecondition,
        "task type " + name + " has " + std::to_string(tasks) + (tasks == 1 ? " task" : " tasks") +
            ", counting ended ones that are kept; delete them first (treadle bulk delete --type " +
            name + ")");
  Emit(TypeIsNow{.id = view.id, .name = name, .policy = {.deleted = true}});
  return view;
}

// When numbers become scarce, names that nobody needs are deleted: those without tasks and without
// a policy of their own. They come back with their next task as if they had stayed. (Where first
// tasks make no queues, they would not.)
void Engine::DeleteUnusedNames() {
  size_t left = kDeletedPerTick;
  const size_t queues = state_.queues() - state_.deleted_queues();
  if (!strict_queues && IsShort(queues, queues_max)) {
    for (size_t i = std::min<size_t>(kLookedAtPerTick, state_.queues()); i > 0 && left > 0; --i) {
      next_queue_check_ = next_queue_check_ % state_.queues() + 1;
      const Queue& queue = state_.queue(next_queue_check_);
      if (!queue.is_empty() || queue.policy != QueuePolicy{}) continue;
      Emit(QueueIsNow{.id = queue.id, .name = queue.name, .policy = {.deleted = true}});
      --left;
    }
  }
  if (!IsShort(state_.types() - state_.deleted_types(), types_max)) return;
  for (size_t i = std::min<size_t>(kLookedAtPerTick, state_.types()); i > 0 && left > 0; --i) {
    next_type_check_ = next_type_check_ % state_.types() + 1;
    const TypeId id = next_type_check_;
    if (state_.tasks_of_type(id) > 0 || state_.type_policy(id) != TypePolicy{}) continue;
    Emit(TypeIsNow{.id = id, .name = state_.type_name(id), .policy = {.deleted = true}});
    --left;
  }
}

}  // namespace treadle
