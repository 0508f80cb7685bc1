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

Result<TypeView> Engine::ConfigureType(const std::string& name, const TypePolicy& policy) {
  TREADLE_RETURN_IF_ERROR(ValidateName("type", name));
  TREADLE_RETURN_IF_ERROR(Validate(policy));
  TREADLE_ASSIGN_OR_RETURN(const TypeId id, TypeFor(name));
  Emit(TypeIsNow{.id = id, .name = name, .policy = policy});
  return GetType(name);
}

}  // namespace treadle
