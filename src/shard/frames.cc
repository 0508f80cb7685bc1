#include "shard/frames.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "engine/batch_limits.h"

namespace treadle {
namespace {

constexpr size_t kUnderWayMax = 2;         // one syncs, one waits to follow without a pause
constexpr size_t kFollowersPerFrame = 64;  // in bytes: what is worth a sync of its own
constexpr int64_t kSyncIntervalMs = 1'000;

void RunAll(const std::vector<std::function<void()>>& replies) {
  for (const auto& reply : replies) reply();
}

}  // namespace

Frames::Frames(ShardServices* shard, ShardEvents* events, const ShardEnvironment& environment,
               const NodeOptions& options)
    : shard_(shard),
      events_(events),
      env_(environment),
      stream_(options.shard),
      syncs_(options.durability == NodeOptions::Durability::kFsync),
      bytes_max_(std::min<uint64_t>(kFrameBytes, options.checkpoint_bytes)),
      next_(environment.journal->recovered_sequence() + 1),
      durable_(next_ - 1) {}

Engine& Frames::Open() {
  if (is_open_ && effects_.size() >= bytes_max_) Seal();
  if (!is_open_) {
    shard_->engine().BeginBatch(next_, shard_->Now(), &effects_);
    is_open_ = true;
  } else if (time_is_stale_) {
    shard_->engine().SetTime(shard_->Now());
  }
  time_is_stale_ = false;
  if (!std::exchange(turn_end_posted_, true)) {
    env_.loop->Post([this] {
      turn_end_posted_ = false;
      if (!shard_->has_failed()) events_->OnTurn();
    });
  }
  return shard_->engine();
}

void Frames::Reply(std::function<void()> reply) {
  Open();
  replies_.push_back(std::move(reply));
}

void Frames::EndTurn() {
  TREADLE_CHECK(is_open_ || replies_.empty());
  time_is_stale_ = true;
  SealIfRoom();
}

void Frames::SealIfRoom() {
  if (!is_open_) return;
  const size_t follower = bytes_max_ / kFollowersPerFrame;
  const bool has_room =
      under_way_.empty() || (under_way_.size() < kUnderWayMax && effects_.size() >= follower);
  if (has_room || effects_.size() >= bytes_max_) Seal();
}

void Frames::Seal() {
  TREADLE_CHECK(is_open_);
  shard_->engine().EndBatch();
  is_open_ = false;
  std::vector<std::function<void()>> replies = std::exchange(replies_, {});
  if (effects_.empty()) {
    // Nothing changed: the replies rest on the frames before.
    if (under_way_.empty()) return RunAll(replies);
    auto& waiting = under_way_.back().replies;
    waiting.insert(waiting.end(), std::make_move_iterator(replies.begin()),
                   std::make_move_iterator(replies.end()));
    return;
  }
  under_way_.push_back({next_, std::move(replies)});
  Append(next_++, shard_->engine().state().now(), std::exchange(effects_, {}));
}

void Frames::Append(uint64_t sequence, ShardTime time, std::string effects) {
  TREADLE_CHECK(!effects.empty() && under_way_.back().sequence == sequence);
  const auto durability = syncs_ ? Journal::Durability::kSynced : Journal::Durability::kWritten;
  const uint64_t bytes = effects.size();
  env_.appends->Append(
      stream_, sequence, time, std::move(effects), durability,
      [this, sequence, bytes](const Status& status) {
        env_.loop->PostOrRun(
            [this, sequence, bytes, status] { OnAppended(sequence, bytes, status); },
            syncs_ ? Executor::Help::kOnce : Executor::Help::kWithWhatFollows);
      });
}

void Frames::OnAppended(uint64_t sequence, uint64_t bytes, const Status& status) {
  if (shard_->has_failed()) return;
  if (!status.ok()) return shard_->Fail(status);
  TREADLE_CHECK(under_way_.front().sequence == sequence && sequence == durable_ + 1);
  std::vector<std::function<void()>> replies = std::move(under_way_.front().replies);
  under_way_.pop_front();
  durable_ = sequence;
  SealIfRoom();
  // The disk does not wait for replies.
  if (under_way_.empty())
    RunAll(replies);
  else
    env_.loop->Post([replies = std::move(replies)] { RunAll(replies); });
  events_->OnDurable(sequence, bytes);
  if (!syncs_) SyncLater();
}

void Frames::SyncLater() {
  if (std::exchange(sync_posted_, true)) return;
  env_.loop->PostAfter(kSyncIntervalMs, [this] {
    sync_posted_ = false;
    if (!shard_->has_failed()) Sync([] {});
  });
}

void Frames::Sync(std::function<void()> then) {
  if (syncs_) return then();
  env_.appends->Sync([this, then = std::move(then)](const Status& status) {
    env_.loop->Post([this, then, status] { status.ok() ? then() : shard_->Fail(status); });
  });
}

}  // namespace treadle
