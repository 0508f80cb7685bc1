// What the store returned for tasks that a command needed. Plain values.
#pragma once

#include <map>

#include "model/task.h"

namespace treadle {

/// A task that is not here is not in the store.
using Loaded = std::map<TaskId, TaskRecord>;

/// Null if it is not here, or if the store has not been asked, which a null `loaded` says.
inline const TaskRecord* FindIn(const Loaded* loaded, TaskId id) {
  if (loaded == nullptr) return nullptr;
  const auto it = loaded->find(id);
  return it == loaded->end() ? nullptr : &it->second;
}

}  // namespace treadle
