// Commands about queues. Values: Node::Do() takes each to its shard and answers with its Reply.
//
// Run() is called within a batch, on the shard's lane; its reply is valid once the batch's frame is
// durable. `loaded` is null until the store has been asked for what the outcome says it needs.
#pragma once

#include <cstddef>
#include <string>

#include "engine/commands.h"
#include "engine/engine.h"
#include "engine/loaded.h"
#include "model/policy_patch.h"

namespace treadle {

/// NOT_FOUND.
struct GetQueue {
  std::string name;
  using Reply = QueueView;
};

/// At most `limit` queues whose number is greater than `after`.
struct ListQueues {
  QueueId after = 0;
  size_t limit = SIZE_MAX;
  using Reply = ListPart<QueueView>;
};

/// Creates the queue if needed. INVALID_ARGUMENT, RESOURCE_EXHAUSTED.
struct SetQueuePolicy {
  std::string name;
  /// Of the policy in force, or of the default one for a queue that is not there yet.
  QueuePolicyPatch patch;
  using Reply = QueueView;
};

/// NOT_FOUND.
struct PauseQueue {
  std::string name;
  bool paused = true;
  using Reply = QueueView;
};

/// FAILED_PRECONDITION: there are tasks in it, kept ones too. NOT_FOUND.
struct DeleteQueue {
  std::string name;
  using Reply = QueueView;
};

Outcome<QueueView> Run(Engine& engine, const GetQueue& command, const Loaded* loaded);
Outcome<ListPart<QueueView>> Run(Engine& engine, const ListQueues& command, const Loaded* loaded);
Outcome<QueueView> Run(Engine& engine, const SetQueuePolicy& command, const Loaded* loaded);
Outcome<QueueView> Run(Engine& engine, const PauseQueue& command, const Loaded* loaded);
Outcome<QueueView> Run(Engine& engine, const DeleteQueue& command, const Loaded* loaded);

}  // namespace treadle
