#include "shard/enqueue_desk.h"

#include <utility>
#include <vector>

#include "base/check.h"
#include "engine/loaded.h"

namespace treadle {
namespace {

constexpr uint64_t kBytesUnderWayMax = uint64_t{256} << 20;
constexpr int64_t kRoomWaitMs = 3'000;  // several checkpoints

}  // namespace

bool EnqueueDesk::Admit(uint64_t bytes) {
  if (bytes_under_way_.fetch_add(bytes) <= kBytesUnderWayMax) return true;
  bytes_under_way_ -= bytes;
  return false;
}

void EnqueueDesk::Do(EnqueueCommand command, Callback<EnqueueReply> done) {
  const bool may_wait =
      !shard_->is_closing() && !checkpoints_->is_pausing() && !pressure_->IsDiskNearlyFull();
  if (!pressure_->IsStoreBehind() || !may_wait) return Enqueue(command, std::move(done));
  checkpoints_->WhenThereIsRoom(kRoomWaitMs,
                                [this, command = std::move(command), done = std::move(done)] {
                                  if (!shard_->has_failed()) Enqueue(command, done);
                                });
}

void EnqueueDesk::Enqueue(const EnqueueCommand& command, Callback<EnqueueReply> done) {
  Status refusal = shard_->is_closing() ? Status(Code::kUnavailable, "the server is stopping")
                                        : pressure_->RefuseEnqueue(command);
  Result<EnqueueReply> reply =
      refusal.ok() ? shard_->Open().Enqueue(command) : Result<EnqueueReply>(std::move(refusal));
  std::vector<TaskId> unknown;  // duplicates of tasks that have ended and left memory
  if (reply.ok()) {
    for (const auto& task : reply->tasks) {
      shard_->stats().tasks_enqueued += !task.duplicate;
      if (task.duplicate && !task.state) unknown.push_back(task.id);
    }
  }
  if (unknown.empty()) return Answer(command.bytes, std::move(done), std::move(reply));
  shard_->Load(unknown, [this, bytes = command.bytes, done = std::move(done),
                         reply = *reply](const Loaded& loaded) mutable {
    for (auto& task : reply.tasks)
      if (const TaskRecord* record = task.state ? nullptr : FindIn(&loaded, task.id))
        task.state = record->image.state;
    Answer(bytes, std::move(done), std::move(reply));
  });
}

void EnqueueDesk::Answer(uint64_t bytes, Callback<EnqueueReply> done, Result<EnqueueReply> reply) {
  TREADLE_CHECK(bytes_under_way_.load(std::memory_order_relaxed) >= bytes);  // it was admitted
  shard_->Reply([this, bytes, done = std::move(done), reply = std::move(reply)]() mutable {
    bytes_under_way_ -= bytes;
    done(std::move(reply));
  });
}

}  // namespace treadle
