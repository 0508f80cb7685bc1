#include "shard/pressure.h"

#include <algorithm>
#include <utility>

namespace treadle {
namespace {

constexpr int64_t kCheckMs = 1'000;
constexpr int64_t kRetryFullDiskMs = 5'000;
constexpr int64_t kRetryBacklogMs = 500;
constexpr uint64_t kSpareBytes = uint64_t{16} << 20;  // less room than this on disk: make more
constexpr uint8_t kNormalPriority = 5;
// Of memory, beside what it takes of the journal: 1,300 bytes were measured of a task without a
// payload, from its request to its row in the store, where the journal had 200.
constexpr uint64_t kTaskBytes = 1'024;

}  // namespace

void Pressure::Begin() {
  if (shard_->has_failed() || shard_->is_closing()) return;
  Check();
  env_.loop->PostAfter(kCheckMs, [this] { Begin(); });
}

void Pressure::Check() {
  if (std::exchange(check_posted_, true)) return;
  // How large the frames are that recovery found, nobody counted.
  const bool is_known = checkpoints_->stored() >= env_.journal->recovered_sequence();
  const uint64_t waiting = is_known ? checkpoints_->backlog_bytes() : SpaceGuard::kUnknown;
  // Not behind a checkpoint, which may take seconds.
  const ShardStats& now = shard_->stats();
  env_.reader->Post([this, waiting, written = now.journal_bytes, tasks = now.tasks_enqueued] {
    env_.memory->Check();
    Status status = env_.checkpointer->CheckFiles();
    if (status.ok()) status = env_.space->Check(waiting);
    env_.loop->Post([this, written, tasks, status = std::move(status)] {
      check_posted_ = false;
      written_at_check_ = written;
      tasks_at_check_ = tasks;
      if (!status.ok()) shard_->Fail(status);
    });
  });
}

void Pressure::NoteWritten() {
  if (!env_.journal->HasRoomFor(kSpareBytes)) Check();
}

bool Pressure::IsDiskNearlyFull() {
  if (env_.space->refuses()) return true;
  if (2 * written() >= env_.space->spendable_bytes()) Check();
  return written() >= env_.space->spendable_bytes();
}

Status Pressure::RefuseForBacklog() const {
  if (!IsStoreBehind()) return {};
  return Status(Code::kResourceExhausted,
                "the store has fallen behind the journal; try again later")
      .WithRetryAfter(kRetryBacklogMs);
}

// What a running attempt saves is worth more than a new task: without it the work is done again.
Status Pressure::RefuseSave() {
  if (written() < env_.space->savable_bytes()) return RefuseForBacklog();
  Check();
  return Status(Code::kResourceExhausted,
                "the server's disk is full: attempts can still end but not save anything")
      .WithRetryAfter(kRetryFullDiskMs);
}

// What a task takes of the journal it also takes of memory, and once more in a checkpoint.
uint64_t Pressure::taken() const {
  return 2 * written() + kTaskBytes * (shard_->stats().tasks_enqueued - tasks_at_check_);
}

Status Pressure::RefuseForMemory() {
  TREADLE_RETURN_IF_ERROR(env_.memory->Refusal());
  const uint64_t spendable = env_.memory->spendable_bytes();
  if (taken() >= spendable / 2) Check();
  if (taken() < spendable) return {};
  return Status(Code::kResourceExhausted,
                "memory is filling up faster than the server can measure; try again later")
      .WithRetryAfter(kRetryBacklogMs);
}

// Low priority goes first: so the tasks that matter find room for longer.
Status Pressure::RefuseEnqueue(const EnqueueCommand& command) {
  if (IsDiskNearlyFull())
    return Status(Code::kResourceExhausted, "the server's disk is nearly full")
        .WithRetryAfter(kRetryFullDiskMs);
  TREADLE_RETURN_IF_ERROR(RefuseForBacklog());
  TREADLE_RETURN_IF_ERROR(RefuseForMemory());
  const uint64_t backlog_pressed = options_.backlog_bytes_max - options_.backlog_bytes_max / 4;
  const bool is_pressed = env_.space->room_bytes() < options_.disk_reserve_bytes / 2 ||
                          checkpoints_->backlog_bytes() > backlog_pressed;
  const auto is_low = [](const NewTask& task) { return task.priority < kNormalPriority; };
  if (!is_pressed || std::ranges::none_of(command.tasks, is_low)) return {};
  return Status(Code::kResourceExhausted,
                "the disk or the store is short of room: only tasks of priority 5 or higher are "
                "accepted")
      .WithRetryAfter(kRetryFullDiskMs);
}

}  // namespace treadle
