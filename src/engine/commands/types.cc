#include "engine/commands/types.h"

#include <utility>

namespace treadle {

Outcome<TypeView> Run(Engine& engine, const GetType& command, const Loaded*) {
  return engine.GetType(command.name);
}

Outcome<ListPart<TypeView>> Run(Engine& engine, const ListTypes& command, const Loaded*) {
  return engine.Types(command.after, command.limit);
}

Outcome<TypeView> Run(Engine& engine, const SetTypePolicy& command, const Loaded*) {
  const Result<TypeView> now = engine.GetType(command.name);
  TypePolicy policy = now.ok() ? now->policy : TypePolicy{};
  TREADLE_RETURN_IF_ERROR(command.patch.Apply(command.name, &policy));
  Result<TypeView> view = engine.ConfigureType(command.name, policy);
  if (view.ok()) view->created = !now.ok();
  return view;
}

Outcome<TypeView> Run(Engine& engine, const DeleteType& command, const Loaded*) {
  return engine.DeleteType(command.name);
}

}  // namespace treadle
