#include "shard/checkpoints.h"

#include <utility>

#include "base/check.h"

namespace treadle {
namespace {

constexpr size_t kForgetAtOnce = 2'000;  // tasks; more would be a pause that commands feel
constexpr int64_t kFullDiskRetryMs = 1'000;

// On a full disk it is tried once more, if giving up the ballast has made room.
Result<uint64_t> StoreUpTo(uint64_t to, const ShardEnvironment& env) {
  Result<uint64_t> applied = env.checkpointer->Run(to);
  if (applied.status().code() == Code::kResourceExhausted) {
    TREADLE_ASSIGN_OR_RETURN(const bool gained, env.space->NoteFull());
    if (gained) applied = env.checkpointer->Run(to);
  }
  if (applied.ok()) env.space->NoteCheckpoint();
  return applied;
}

}  // namespace

Checkpoints::Checkpoints(ShardServices* shard, ShardEvents* events,
                         const ShardEnvironment& environment, const NodeOptions& options,
                         Frames* frames, const StoreMeta& meta)
    : shard_(shard),
      events_(events),
      env_(environment),
      options_(options),
      frames_(frames),
      stored_{meta.applied, meta.wall},
      unstored_since_ms_(environment.clock->MonotonicMs()) {
  // What recovery replayed also waits for a checkpoint; its size does not matter.
  if (frames->durable() > stored_.frame) backlog_.emplace_back(frames->durable(), 0);
}

void Checkpoints::Add(uint64_t frame, uint64_t bytes) {
  TREADLE_CHECK(frame > stored_.frame);
  if (backlog_.empty()) unstored_since_ms_ = env_.clock->MonotonicMs();
  backlog_.emplace_back(frame, bytes);
  backlog_bytes_ += bytes;
}

int64_t Checkpoints::AgeMs() const {
  return backlog_.empty() ? 0 : env_.clock->MonotonicMs() - unstored_since_ms_;
}

void Checkpoints::BeginLater() {
  if (backlog_bytes_ >= options_.checkpoint_bytes || !waiting_.empty()) return Begin();
  if (backlog_.empty() || std::exchange(timer_posted_, true)) return;
  env_.loop->PostAfter(options_.checkpoint_ms, [this] {
    timer_posted_ = false;
    if (!backlog_.empty()) Begin();
  });
}

void Checkpoints::Begin() {
  const uint64_t to = frames_->durable();
  if (shard_->has_failed() || to == stored_.frame || is_pausing_ ||
      std::exchange(is_running_, true))
    return;
  // The store must never be ahead of the journal.
  frames_->Sync([this, to] { Run(to); });
}

void Checkpoints::Run(uint64_t to) {
  TREADLE_CHECK(is_running_ && to > stored_.frame);
  const int64_t began_ms = env_.clock->MonotonicMs();
  env_.checkpoint->Post([this, to, began_ms, as_of = env_.clock->Wall()] {
    env_.loop->Post([this, applied = StoreUpTo(to, env_), began_ms, as_of] {
      if (applied.ok()) unstored_since_ms_ = began_ms;  // what came later is younger
      OnDone(applied, as_of);
    });
  });
}

void Checkpoints::OnDone(const Result<uint64_t>& applied, WallTime as_of) {
  if (shard_->has_failed()) return;
  is_running_ = false;
  if (applied.status().code() == Code::kResourceExhausted) return Pause();
  if (!applied.ok()) return shard_->Fail(applied.status());
  TREADLE_CHECK(*applied >= stored_.frame && *applied <= frames_->durable());
  stored_ = {*applied, as_of};
  ++shard_->stats().checkpoints;
  for (; !backlog_.empty() && backlog_.front().first <= stored_.frame; backlog_.pop_front())
    backlog_bytes_ -= backlog_.front().second;
  TREADLE_CHECK(!backlog_.empty() || (backlog_bytes_ == 0 && stored_.frame == frames_->durable()));
  ForgetLater();
  StopWaitingForRoom();
  RunThoseThatWait();
  BeginLater();
  events_->OnCheckpoint();
}

void Checkpoints::Pause() {
  TREADLE_CHECK(!is_running_ && !is_pausing_);
  is_pausing_ = true;
  if (!shard_->is_closing())
    env_.log("the disk is too full for a checkpoint: retrying in a second");
  StopWaitingForRoom();
  env_.loop->PostAfter(kFullDiskRetryMs, [this] {
    is_pausing_ = false;
    Begin();
  });
  events_->OnCheckpoint();
}

void Checkpoints::WhenStored(int64_t wait_ms, std::function<void(bool)> run) {
  const uint64_t wanted = frames_->applied();
  if (stored_.frame >= wanted || wait_ms == 0) return run(stored_.frame >= wanted);
  auto once = std::make_shared<std::function<void(bool)>>(std::move(run));
  waiting_.push_back({wanted, once});
  Begin();
  env_.loop->PostAfter(wait_ms, [once] {
    if (const auto late = std::exchange(*once, nullptr)) late(false);
  });
}

void Checkpoints::RunThoseThatWait() {
  std::vector<Waiting> waiting = std::exchange(waiting_, {});
  for (Waiting& each : waiting) {
    if (each.frame > stored_.frame) {
      if (*each.run) waiting_.push_back(std::move(each));
    } else if (const auto run = std::exchange(*each.run, nullptr)) {
      run(true);
    }
  }
  if (!waiting_.empty()) Begin();
}

void Checkpoints::WhenThereIsRoom(int64_t wait_ms, std::function<void()> run) {
  auto once = std::make_shared<std::function<void()>>(std::move(run));
  waiting_for_room_.push_back(once);
  Begin();
  env_.loop->PostAfter(wait_ms, [once] {
    if (const auto late = std::exchange(*once, nullptr)) late();
  });
}

void Checkpoints::StopWaitingForRoom() {
  for (const auto& each : std::exchange(waiting_for_room_, {}))
    if (const auto run = std::exchange(*each, nullptr)) run();
}

void Checkpoints::ForgetLater() {
  if (std::exchange(forget_posted_, true)) return;
  env_.loop->Post([this] {
    forget_posted_ = false;
    if (shard_->has_failed()) return;
    if (shard_->engine().mutable_state()->Forget(stored_.frame, kForgetAtOnce)) ForgetLater();
  });
}

}  // namespace treadle
