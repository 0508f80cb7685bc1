#include "engine/commands/queues.h"

#include <utility>

namespace treadle {

Outcome<QueueView> Run(Engine& engine, const GetQueue& command, const Loaded*) {
  return engine.GetQueue(command.name);
}

Outcome<ListPart<QueueView>> Run(Engine& engine, const ListQueues& command, const Loaded*) {
  return engine.Queues(command.after, command.limit);
}

Outcome<QueueView> Run(Engine& engine, const SetQueuePolicy& command, const Loaded*) {
  const Result<QueueView> now = engine.GetQueue(command.name);
  QueuePolicy policy = now.ok() ? now->policy : QueuePolicy{};
  command.patch.Apply(&policy);
  Result<QueueView> view = engine.Configure(command.name, policy);
  if (view.ok()) view->created = !now.ok();
  return view;
}

Outcome<QueueView> Run(Engine& engine, const PauseQueue& command, const Loaded*) {
  Result<QueueView> queue = engine.GetQueue(command.name);
  if (!queue.ok() || queue->policy.paused == command.paused) return queue;
  queue->policy.paused = command.paused;
  return engine.Configure(command.name, queue->policy);
}

Outcome<QueueView> Run(Engine& engine, const DeleteQueue& command, const Loaded*) {
  return engine.DeleteQueue(command.name);
}

}  // namespace treadle
