// Shard: when to checkpoint, what to forget afterwards, how much disk there is.

#include <algorithm>
#include <utility>

#include "node/shard.h"

namespace treadle {
namespace {

constexpr size_t kForgetAtOnce = 2'000;  // tasks; more would be a pause that commands feel
constexpr int64_t kSpaceCheckMs = 1'000;
constexpr int64_t kFullDiskRetryMs = 1'000;

}  // namespace

void Shard::CheckpointLater() {
  if (backlog_bytes_ >= options_.checkpoint_bytes) return Checkpoint();
  if (backlog_.empty() || std::exchange(checkpoint_timer_, true)) return;
  env_.shard->PostAfter(options_.checkpoint_ms, [this] {
    checkpoint_timer_ = false;
    if (!backlog_.empty()) Checkpoint();
  });
}

void Shard::Checkpoint() {
  if (failed_ || durable_frame_ == stored_frame_ || checkpoint_pauses_ ||
      std::exchange(checkpoint_runs_, true))
    return;
  const uint64_t to = durable_frame_;
  if (options_.durability == NodeOptions::Durability::kFsync) return RunCheckpoint(to);
  // The store must never be ahead of the journal.
  env_.journal->Post([this, to] {
    Status status = SyncJournal();
    env_.shard->Post(
        [this, to, status = std::move(status)] { status.ok() ? RunCheckpoint(to) : Fail(status); });
  });
}

void Shard::RunCheckpoint(uint64_t to) {
  const int64_t began_ms = env_.clock->MonotonicMs();
  env_.checkpoint->Post([this, to, began_ms, as_of = env_.clock->Wall()] {
    Result<uint64_t> applied = checkpointer_->Run(to);
    if (applied.status().code() == Code::kResourceExhausted) {
      const Result<bool> gained = space_->NoteFull();
      if (!gained.ok()) applied = gained.status();
      if (gained.ok() && *gained) applied = checkpointer_->Run(to);
    }
    if (applied.ok()) space_->NoteCheckpoint();
    env_.shard->Post([this, applied = std::move(applied), began_ms, as_of] {
      if (applied.ok()) unstored_since_ms_ = began_ms;  // what came later is younger
      OnCheckpointed(applied, as_of);
    });
  });
}

void Shard::OnCheckpointed(const Result<uint64_t>& applied, WallTime as_of) {
  if (failed_) return;
  checkpoint_runs_ = false;
  if (applied.status().code() == Code::kResourceExhausted) {
    if (closed_) return std::exchange(closed_, nullptr)();  // the journal has it all
    env_.log("the disk is too full for a checkpoint: retrying in a second");
    checkpoint_pauses_ = true;
    EnqueueThoseThatWait();
    env_.shard->PostAfter(kFullDiskRetryMs, [this] {
      checkpoint_pauses_ = false;
      Checkpoint();
    });
    return;
  }
  if (!applied.ok()) return Fail(applied.status());
  stored_frame_ = *applied;
  stored_as_of_ = as_of;
  ++stats_.checkpoints;
  for (; !backlog_.empty() && backlog_.front().first <= stored_frame_; backlog_.pop_front())
    backlog_bytes_ -= backlog_.front().second;
  ForgetLater();
  EnqueueThoseThatWait();
  RunAfterCheckpoint();
  CheckpointLater();
  CloseIfIdle();
}

void Shard::RunAfterCheckpoint() {
  const bool is_current = stored_frame_ + 1 == next_frame_;
  std::vector<WaitingForStore> waiting = std::exchange(wait_for_store_, {});
  for (WaitingForStore& each : waiting) {
    if (each.frame > stored_frame_ && !is_current) {
      if (*each.run) wait_for_store_.push_back(std::move(each));
    } else if (const auto run = std::exchange(*each.run, nullptr)) {
      run(true);
    }
  }
  if (!wait_for_store_.empty()) Checkpoint();
}

void Shard::ForgetLater() {
  if (std::exchange(forget_posted_, true)) return;
  env_.shard->Post([this] {
    forget_posted_ = false;
    if (!failed_ && engine_->mutable_state()->Forget(stored_frame_, kForgetAtOnce)) ForgetLater();
  });
}

void Shard::CheckSpace() {
  if (std::exchange(space_check_posted_, true)) return;
  // How large the frames are that recovery found, nobody counted.
  const bool is_known = stored_frame_ >= storage_->journal->recovered_sequence();
  const uint64_t waiting = is_known ? backlog_bytes_ : SpaceGuard::kUnknown;
  // Not behind a checkpoint, which may take seconds.
  env_.reader->Post([this, waiting, written = stats_.journal_bytes] {
    memory_->Check();
    Status status = checkpointer_->CheckFiles();
    if (status.ok()) status = space_->Check(waiting);
    env_.shard->Post([this, written, status = std::move(status)] {
      space_check_posted_ = false;
      written_at_space_check_ = written;
      if (!status.ok()) Fail(status);
    });
  });
}

void Shard::CheckSpaceLater() {
  if (failed_ || closing_) return;
  CheckSpace();
  env_.shard->PostAfter(kSpaceCheckMs, [this] { CheckSpaceLater(); });
}

void Shard::Close(std::function<void()> closed) {
  if (failed_) return;
  closing_ = true;
  closed_ = std::move(closed);
  desk_.EndAll();
  for (const auto& wake : watchers_.TakeAll()) wake();
  EnqueueThoseThatWait();
  env_.shard->Post([this] { CloseIfIdle(); });
}

void Shard::CloseIfIdle() {
  if (!closed_ || batch_open_ || !under_way_.empty() || checkpoint_runs_) return;
  if (stored_frame_ < durable_frame_) return Checkpoint();
  std::exchange(closed_, nullptr)();
}

}  // namespace treadle
