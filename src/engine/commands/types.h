// Commands about task types; see engine/commands/queues.h.
#pragma once

#include <cstddef>
#include <string>

#include "engine/commands.h"
#include "engine/engine.h"
#include "engine/loaded.h"
#include "model/policy_patch.h"

namespace treadle {

/// NOT_FOUND.
struct GetType {
  std::string name;
  using Reply = TypeView;
};

/// At most `limit` types whose number is greater than `after`.
struct ListTypes {
  TypeId after = 0;
  size_t limit = SIZE_MAX;
  using Reply = ListPart<TypeView>;
};

/// Makes the type known if needed. INVALID_ARGUMENT, RESOURCE_EXHAUSTED, and what the patch
/// returns.
struct SetTypePolicy {
  std::string name;
  /// Of the policy in force, or of the default one for a type that is not known yet.
  TypePolicyPatch patch;
  using Reply = TypeView;
};

/// FAILED_PRECONDITION: there are tasks of it, kept ones too. NOT_FOUND.
struct DeleteType {
  std::string name;
  using Reply = TypeView;
};

Outcome<TypeView> Run(Engine& engine, const GetType& command, const Loaded* loaded);
Outcome<ListPart<TypeView>> Run(Engine& engine, const ListTypes& command, const Loaded* loaded);
Outcome<TypeView> Run(Engine& engine, const SetTypePolicy& command, const Loaded* loaded);
Outcome<TypeView> Run(Engine& engine, const DeleteType& command, const Loaded* loaded);

}  // namespace treadle
