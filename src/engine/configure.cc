// Configure: the policy of a queue, or of a task type, that is there or not yet.

#include "engine/engine.h"
#include "model/validate.h"

namespace treadle {

Result<QueueView> Engine::Configure(const std::string& name, const QueuePolicy& policy) {
  TREADLE_RETURN_IF_ERROR(ValidateName("queue", name));
  TREADLE_RETURN_IF_ERROR(Validate(policy));
  TREADLE_ASSIGN_OR_RETURN(const Queue* const queue, QueueFor(name));
  Emit(QueueIsNow{.id = queue->id, .name = name, .policy = policy});
  return GetQueue(name);
}

Result<QueueView> Engine::DeleteQueue(const std::string& name) {
  TREADLE_ASSIGN_OR_RETURN(QueueView view, GetQueue(name));
  const Queue& queue = *state_.FindQueue(name);
  if (!queue.is_empty())
    return Status(Code::kFailedPrecondition,
                  "queue " + name +
                      " has tasks, ended ones that are kept among them: delete them "
                      "first, or let it drain");
  QueuePolicy policy;
  policy.deleted = true;
  Emit(QueueIsNow{.id = queue.id, .name = name, .policy = policy});
  return view;
}

Result<TypeView> Engine::ConfigureType(const std::string& name, const TypePolicy& policy) {
  TREADLE_RETURN_IF_ERROR(ValidateName("type", name));
  TREADLE_RETURN_IF_ERROR(Validate(policy));
  TREADLE_ASSIGN_OR_RETURN(const TypeId id, TypeFor(name));
  Emit(TypeIsNow{.id = id, .name = name, .policy = policy});
  return GetType(name);
}

}  // namespace treadle
