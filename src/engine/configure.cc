// Configure: the policy of a queue, or of a task type, that is there or not yet.

#include "base/check.h"
#include "engine/engine.h"
#include "model/limits.h"
#include "model/validate.h"

namespace treadle {

Result<QueueView> Engine::Configure(const std::string& name, const QueuePolicy& policy) {
  TREADLE_RETURN_IF_ERROR(ValidateName("queue", name));
  TREADLE_RETURN_IF_ERROR(Validate(policy));
  TREADLE_ASSIGN_OR_RETURN(const Queue* const queue, QueueFor(name));
  QueuePolicy next = policy;
  KeepLeasesThatAreOut(*queue, &next);
  Emit(QueueIsNow{.id = queue->id, .name = name, .policy = next});
  TREADLE_CHECK(state_.FindQueue(name) == queue);
  return GetQueue(name);
}

// A lease lasts as long as its worker was promised, over renewals and restarts.
void Engine::KeepLeasesThatAreOut(const Queue& queue, QueuePolicy* next) const {
  next->lease_before_ms = 0;
  next->lease_before_until = {};
  const int64_t before_ms = queue.policy.LeaseMsAt(state_.now());
  if (next->lease_ms >= before_ms) return;
  const ShardTime until = state_.LastRevocation(queue.id);
  if (until <= state_.now()) return;
  next->lease_before_ms = before_ms;
  next->lease_before_until = until;
}

Result<QueueView> Engine::DeleteQueue(const std::string& name) {
  TREADLE_ASSIGN_OR_RETURN(QueueView view, GetQueue(name));
  const Queue& queue = *state_.FindQueue(name);
  if (!queue.is_empty())
    return Status(
        Code::kFailedPrecondition,
        "queue " + name +
            " has tasks, counting ended ones that are kept: delete them first, or drain the queue");
  TREADLE_CHECK(queue.live_bytes == 0);  // no task, no bytes
  QueuePolicy policy;
  policy.deleted = true;
  Emit(QueueIsNow{.id = queue.id, .name = name, .policy = policy});
  return view;
}

// Schemas are the one thing of a type that is large.
Status Engine::CheckContracts(const std::string& type, size_t contracts) const {
  const TypeId known = state_.FindType(type);
  const size_t before = known == 0 ? 0 : state_.type_policy(known).contracts.size();
  if (contracts <= before) return {};
  size_t all = contracts - before;
  for (TypeId each = 1; each <= state_.types(); ++each)
    all += state_.type_policy(each).contracts.size();
  if (all <= limits::kContracts) return {};
  return {Code::kResourceExhausted, "there are " + std::to_string(limits::kContracts) +
                                        " contracts: remove some that no task needs any more"};
}

Result<TypeView> Engine::ConfigureType(const std::string& name, const TypePolicy& policy) {
  TREADLE_RETURN_IF_ERROR(ValidateName("type", name));
  TREADLE_RETURN_IF_ERROR(Validate(policy));
  TREADLE_RETURN_IF_ERROR(CheckContracts(name, policy.contracts.size()));
  TREADLE_ASSIGN_OR_RETURN(const TypeId id, TypeFor(name));
  Emit(TypeIsNow{.id = id, .name = name, .policy = policy});
  TREADLE_CHECK(state_.FindType(name) == id);
  return GetType(name);
}

}  // namespace treadle
