// Shard: batches, frames and replies.

#include <algorithm>
#include <utility>

#include "engine/batch_limits.h"
#include "node/shard.h"

namespace treadle {
namespace {

constexpr size_t kFramesUnderWay = 2;      // one syncs, one waits to follow without a pause
constexpr size_t kFollowersPerFrame = 64;  // in bytes: what is worth a sync of its own
constexpr int64_t kSyncIntervalMs = 1'000;
constexpr uint64_t kSpareBytes = uint64_t{16} << 20;  // less room than this on disk: make more

// See engine/batch_limits.h.
size_t FrameBytes(const NodeOptions& options) {
  return std::min<uint64_t>(kFrameBytes, options.checkpoint_bytes);
}

}  // namespace

Engine& Shard::Open() {
  if (batch_open_ && effects_.size() >= FrameBytes(options_)) Seal();
  if (!batch_open_) {
    engine_->BeginBatch(next_frame_, Now(), &effects_);
    batch_open_ = true;
  } else if (time_is_stale_) {
    engine_->SetTime(Now());
  }
  time_is_stale_ = false;
  if (!std::exchange(flush_posted_, true)) env_.shard->Post([this] { Flush(); });
  return *engine_;
}

void Shard::Flush() {
  flush_posted_ = false;
  if (failed_) return;
  desk_.WakeWaiters();
  for (const TaskId task : engine_->TakeEnded())
    for (const auto& wake : watchers_.TakeAllOf(task)) wake();
  time_is_stale_ = true;
  SealIfRoom();
  TickLater();
  CloseIfIdle();
}

void Shard::SealIfRoom() {
  if (!batch_open_) return;
  // A small batch is not worth a sync of its own: it goes with what comes while another one syncs.
  const size_t most = FrameBytes(options_);
  const size_t follower = most / kFollowersPerFrame;
  const bool has_room =
      under_way_.empty() || (under_way_.size() < kFramesUnderWay && effects_.size() >= follower);
  if (has_room || effects_.size() >= most) Seal();
}

void Shard::Seal() {
  engine_->EndBatch();
  batch_open_ = false;
  std::vector<std::function<void()>> replies = std::exchange(replies_, {});
  if (effects_.empty()) {
    // Nothing changed: the reply depends on the previous frames.
    if (under_way_.empty()) {
      for (const auto& reply : replies) reply();
    } else {
      auto& waiting = under_way_.back().replies;
      waiting.insert(waiting.end(), std::make_move_iterator(replies.begin()),
                     std::make_move_iterator(replies.end()));
    }
    return;
  }
  under_way_.push_back({next_frame_, std::move(replies)});
  Append(next_frame_++, engine_->state().now(), std::exchange(effects_, {}));
}

void Shard::Append(uint64_t sequence, ShardTime time, std::string effects) {
  const bool syncs = options_.durability == NodeOptions::Durability::kFsync;
  auto append = [this, sequence, time, effects = std::move(effects), syncs] {
    const auto durability = syncs ? Journal::Durability::kSynced : Journal::Durability::kWritten;
    const DiskWatch::Write write(storage_->watch.get(), DiskWatch::Kind::kJournal, env_.clock);
    Status status = storage_->journal->Append({sequence, time, effects}, durability);
    auto go_on = [this, sequence, bytes = effects.size(), status = std::move(status)] {
      OnDurable(sequence, bytes, status);
    };
    env_.shard->PostOrRun(std::move(go_on),
                          syncs ? Executor::Help::kOnce : Executor::Help::kWithWhatFollows);
  };
  // Also without a sync: a disk that hangs holds whoever writes to it, and the shard must still
  // answer for what waits.
  env_.journal->Post(std::move(append));
}

void Shard::OnDurable(uint64_t sequence, uint64_t bytes, const Status& status) {
  if (failed_) return;
  if (!status.ok()) return Fail(status);
  TREADLE_CHECK(under_way_.front().sequence == sequence);
  std::vector<std::function<void()>> replies = std::move(under_way_.front().replies);
  under_way_.pop_front();
  durable_frame_ = sequence;
  if (backlog_.empty()) unstored_since_ms_ = env_.clock->MonotonicMs();
  backlog_.emplace_back(sequence, bytes);
  backlog_bytes_ += bytes;
  ++stats_.frames;
  stats_.journal_bytes += bytes;
  SealIfRoom();
  // The disk does not wait for replies.
  if (under_way_.empty())
    for (const auto& reply : replies) reply();
  else
    env_.shard->Post([replies = std::move(replies)] {
      for (const auto& reply : replies) reply();
    });
  CheckpointLater();
  if (options_.durability == NodeOptions::Durability::kInterval) SyncLater();
  if (!storage_->journal->HasRoomFor(kSpareBytes)) CheckSpace();
  CloseIfIdle();
}

Status Shard::SyncJournal() {
  const DiskWatch::Write write(storage_->watch.get(), DiskWatch::Kind::kJournal, env_.clock);
  return storage_->journal->Sync();
}

void Shard::SyncLater() {
  if (std::exchange(sync_posted_, true)) return;
  env_.journal->PostAfter(kSyncIntervalMs, [this] {
    Status status = SyncJournal();
    env_.shard->Post([this, status = std::move(status)] {
      sync_posted_ = false;
      if (!status.ok()) Fail(status);
    });
  });
}

void Shard::Reply(std::function<void()> reply) {
  Open();
  replies_.push_back(std::move(reply));
}

void Shard::After(int64_t delay_ms, std::function<void()> work) {
  auto run = [this, work = std::move(work)] {
    if (!failed_) work();
  };
  delay_ms == 0 ? env_.shard->Post(std::move(run))
                : env_.shard->PostAfter(delay_ms, std::move(run));
}

void Shard::Fail(const Status& status) {
  if (std::exchange(failed_, true)) return;
  env_.on_fatal(status);
}

}  // namespace treadle
