#include "node/shard.h"

#include <algorithm>
#include <utility>

namespace treadle {
namespace {

constexpr int64_t kRetryFullDiskMs = 5'000;
constexpr int64_t kRetryBacklogMs = 500;
constexpr int64_t kRoomWaitMs = 3'000;  // several checkpoints
constexpr uint8_t kNormalPriority = 5;

}  // namespace

Shard::Shard(const NodeOptions& options, const NodeEnvironment& environment, NodeStorage* storage,
             Checkpointer* checkpointer, SpaceGuard* space, MemoryGuard* memory,
             Recovered recovered)
    : options_(options),
      env_(environment),
      storage_(storage),
      checkpointer_(checkpointer),
      space_(space),
      memory_(memory),
      engine_(std::move(recovered.engine)),
      loader_(this, storage->store.get(), environment.reader, environment.log),
      base_time_(recovered.now),
      base_monotonic_ms_(environment.clock->MonotonicMs()),
      started_monotonic_ms_(base_monotonic_ms_),
      unstored_since_ms_(base_monotonic_ms_),
      next_frame_(storage->journal->recovered_sequence() + 1),
      durable_frame_(next_frame_ - 1),
      stored_frame_(recovered.meta.applied),
      stored_as_of_(recovered.meta.wall) {
  engine_->mutable_state()->parts_bytes_max = options.payload_memory_bytes;
  engine_->strict_queues = options.strict_queues;
  // What recovery replayed also waits for a checkpoint; its size does not matter.
  if (durable_frame_ > stored_frame_) backlog_.emplace_back(durable_frame_, 0);
}

void Shard::Start() {
  CheckSpaceLater();
  CheckpointLater();
  TickLater();
}

// What was written since the last look at the disk counts as gone from it.
bool Shard::IsDiskNearlyFull() {
  if (space_->refuses()) return true;
  const uint64_t written = stats_.journal_bytes - written_at_space_check_;
  if (2 * written >= space_->spendable_bytes()) CheckSpace();
  return written >= space_->spendable_bytes();
}

Status Shard::RefuseWrites() {
  if (IsDiskNearlyFull())
    return Status(Code::kResourceExhausted, "the server's disk is nearly full")
        .WithRetryAfter(kRetryFullDiskMs);
  return RefuseForBacklog();
}

Status Shard::RefuseForBacklog() const {
  if (backlog_bytes_ <= options_.backlog_bytes_max) return {};
  return Status(Code::kResourceExhausted,
                "the store has fallen behind the journal; try again later")
      .WithRetryAfter(kRetryBacklogMs);
}

// What a running attempt saves is worth more than a new task: without it the work is done again.
Status Shard::RefuseSave() {
  const uint64_t written = stats_.journal_bytes - written_at_space_check_;
  if (written < space_->savable_bytes()) return RefuseForBacklog();
  CheckSpace();
  return Status(Code::kResourceExhausted,
                "the server's disk is full: attempts can still end but not save anything")
      .WithRetryAfter(kRetryFullDiskMs);
}

// A task takes about as much memory as it takes of the journal, its copy in a checkpoint included
// twice that.
Status Shard::RefuseForMemory() {
  TREADLE_RETURN_IF_ERROR(memory_->Refusal());
  const uint64_t written = stats_.journal_bytes - written_at_space_check_;
  if (2 * written < memory_->spendable_bytes()) return {};
  CheckSpace();
  return Status(Code::kResourceExhausted,
                "memory is filling up faster than the server can measure; try again later")
      .WithRetryAfter(kRetryBacklogMs);
}

// What is refused before the engine is asked. Under pressure, low priority goes first: so the tasks
// that matter find room for longer.
Status Shard::RefuseEnqueue(const EnqueueCommand& command) {
  if (closing_) return {Code::kUnavailable, "the server is stopping"};
  TREADLE_RETURN_IF_ERROR(RefuseWrites());
  TREADLE_RETURN_IF_ERROR(RefuseForMemory());
  const bool pressed = space_->room_bytes() < options_.disk_reserve_bytes / 2 ||
                       backlog_bytes_ > options_.backlog_bytes_max - options_.backlog_bytes_max / 4;
  const auto is_low = [](const NewTask& task) { return task.priority < kNormalPriority; };
  if (!pressed || std::ranges::none_of(command.tasks, is_low)) return {};
  return Status(Code::kResourceExhausted,
                "the disk or the store is short of room: only tasks of priority 5 or higher are "
                "accepted")
      .WithRetryAfter(kRetryFullDiskMs);
}

// A store that is behind makes producers slower, and refuses them only if that does not help.
void Shard::Enqueue(EnqueueCommand command, uint64_t bytes, Callback<EnqueueReply> done) {
  if (failed_) return;
  const bool may_wait = !closing_ && !checkpoint_pauses_ && !IsDiskNearlyFull();
  if (backlog_bytes_ <= options_.backlog_bytes_max || !may_wait)
    return EnqueueNow(command, bytes, std::move(done));
  auto once = std::make_shared<std::function<void()>>(
      [this, command = std::move(command), bytes, done = std::move(done)] {
        EnqueueNow(command, bytes, done);
      });
  wait_for_room_.push_back(once);
  Checkpoint();
  env_.shard->PostAfter(kRoomWaitMs, [once] {
    if (const auto late = std::exchange(*once, nullptr)) late();
  });
}

void Shard::EnqueueThoseThatWait() {
  for (const auto& each : std::exchange(wait_for_room_, {}))
    if (const auto run = std::exchange(*each, nullptr)) run();
}

void Shard::EnqueueNow(const EnqueueCommand& command, uint64_t bytes, Callback<EnqueueReply> done) {
  if (failed_) return;
  const Status refusal = RefuseEnqueue(command);
  Result<EnqueueReply> reply = refusal.ok() ? Open().Enqueue(command) : refusal;
  std::vector<TaskId> unknown;  // duplicates of tasks that have ended and left memory
  if (reply.ok()) {
    for (const auto& task : reply->tasks) {
      stats_.tasks_enqueued += !task.duplicate;
      if (task.duplicate && !task.state) unknown.push_back(task.id);
    }
  }
  if (unknown.empty()) return AnswerEnqueue(bytes, std::move(done), std::move(reply));
  Load(unknown,
       [this, bytes, done = std::move(done), reply = *reply](const Loaded& loaded) mutable {
         for (auto& task : reply.tasks)
           if (const TaskRecord* record = task.state ? nullptr : FindIn(&loaded, task.id))
             task.state = record->image.state;
         AnswerEnqueue(bytes, std::move(done), std::move(reply));
       });
}

void Shard::AnswerEnqueue(uint64_t bytes, Callback<EnqueueReply> done, Result<EnqueueReply> reply) {
  Reply([this, bytes, done = std::move(done), reply = std::move(reply)]() mutable {
    bytes_under_way_ -= bytes;
    done(std::move(reply));
  });
}

void Shard::Get(TaskId id, int64_t wait_ms, Callback<TaskView> done) {
  if (failed_) return;
  const TaskSlot* task = Open().Peek(id);
  if (wait_ms > 0 && !closing_ && task != nullptr && !IsTerminal(task->state)) {
    const uint64_t ticket = next_watcher_++;
    watchers_.Watch(id, ticket, [this, id, done = std::move(done)] { Get(id, 0, done); });
    env_.shard->PostAfter(wait_ms, [this, id, ticket] {
      if (const auto wake = watchers_.Take(id, ticket)) wake();
    });
    return;
  }
  Ask<TaskView>(
      [this, id](const Engine& engine, const Loaded* loaded) {
        Outcome<TaskView> outcome = engine.Get(id, FindIn(loaded, id), loaded != nullptr);
        if (outcome.reply.ok()) AddProgress(&*outcome.reply);
        return outcome;
      },
      std::move(done));
}

void Shard::Exchange(const ExchangeDesk::Job& job) {
  if (!failed_) desk_.Begin(job);
}

void Shard::Abandon(uint64_t ticket) {
  if (!failed_) desk_.Abandon(ticket);
}

void Shard::Undelivered(const LeaseHolder& holder, const ExchangeReply& reply) {
  if (!failed_) desk_.Undelivered(holder, reply);
}

void Shard::Stats(Callback<NodeStats> done) {
  if (failed_) return;
  NodeStats stats = stats_;
  stats.journal_backlog_bytes = backlog_bytes_;
  stats.payload_memory_bytes = engine_->state().parts_bytes();
  stats.exchanges_parked = desk_.parked();
  stats.enqueue_refused = space_->refuses() || !memory_->Refusal().ok();
  const int64_t now_ms = env_.clock->MonotonicMs();
  if (!backlog_.empty()) stats.checkpoint_age_ms = now_ms - unstored_since_ms_;
  stats.journal_write_age_ms = storage_->watch->AgeMs(DiskWatch::Kind::kJournal, now_ms);
  stats.store_write_age_ms = storage_->watch->AgeMs(DiskWatch::Kind::kStore, now_ms);
  stats.uptime_ms = env_.clock->MonotonicMs() - started_monotonic_ms_;
  done(stats);
}

}  // namespace treadle
