// Commands about single tasks; see engine/commands/queues.h.
#pragma once

#include "engine/commands.h"
#include "engine/engine.h"
#include "engine/loaded.h"

namespace treadle {

/// See Engine::Do().
Outcome<TaskStanding> Run(Engine& engine, const TaskCommand& command, const Loaded* loaded);

}  // namespace treadle
