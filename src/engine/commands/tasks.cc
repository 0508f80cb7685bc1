#include "engine/commands/tasks.h"

namespace treadle {

Outcome<TaskStanding> Run(Engine& engine, const TaskCommand& command, const Loaded* loaded) {
  return engine.Do(command, FindIn(loaded, command.id), loaded != nullptr);
}

}  // namespace treadle
