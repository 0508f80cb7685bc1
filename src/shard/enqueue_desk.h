// EnqueueDesk: where enqueues are accepted, made to wait, or refused.
//
// A store that is behind makes producers slower at first, and refuses them only if that does not
// help: for a few seconds their enqueues wait for the next checkpoint. What waits in the mailbox is
// bounded in bytes.
//
// On the shard's executor, unless noted otherwise.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/commands.h"
#include "shard/checkpoints.h"
#include "shard/pressure.h"
#include "shard/shard_services.h"

namespace treadle {

class EnqueueDesk {
 public:
  template <class T>
  using Callback = ShardServices::Callback<T>;

  /// Borrows all.
  EnqueueDesk(ShardServices* shard, Checkpoints* checkpoints, Pressure* pressure)
      : shard_(shard), checkpoints_(checkpoints), pressure_(pressure) {}

  /// Takes room in the mailbox for a command of so many bytes, which must be given to Do(); false
  /// if it is full. Any thread.
  bool Admit(uint64_t bytes);

  void Do(EnqueueCommand command, Callback<EnqueueReply> done);

 private:
  void Enqueue(const EnqueueCommand& command, Callback<EnqueueReply> done);
  void Answer(uint64_t bytes, Callback<EnqueueReply> done, Result<EnqueueReply> reply);

  ShardServices* const shard_;
  Checkpoints* const checkpoints_;
  Pressure* const pressure_;
  std::atomic<uint64_t> bytes_under_way_{0};  // admitted and not answered
};

}  // namespace treadle
