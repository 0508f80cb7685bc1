// Tick: what happens because time has passed. Leases end, backoffs end, scheduled tasks become
// ready, tasks expire, keys and ended tasks grow too old.

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "engine/batch_limits.h"
#include "engine/engine.h"

namespace treadle {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr int64_t kRetentionCheckMs = 1'000;

}  // namespace

bool Engine::Tick(size_t limit) {
  TREADLE_CHECK(effects_ != nullptr);
  const size_t begun = effects_->size();
  const auto is_over = [&] { return limit-- == 0 || effects_->size() - begun >= kPieceBytes; };
  for (const TaskSlot* task = state_.EarliestByShardTime();
       task && state_.EarliestShardTime() <= state_.now(); task = state_.EarliestByShardTime()) {
    if (is_over()) return true;
    task->state == TaskState::kRunning ? LoseLease(*task) : MakeReady(task->image());
  }
  for (const TaskSlot* task = state_.EarliestByWallTime(); task && task->when_ms <= time_.wall.ms;
       task = state_.EarliestByWallTime()) {
    if (is_over()) return true;
    MakeReady(task->image());
  }
  while (state_.terms().has_timer() && state_.terms().next_time() <= state_.now()) {
    if (is_over()) return true;
    // Otherwise this would find the same task for ever.
    TREADLE_CHECK(EndIfOutOfTime(*state_.Find(state_.terms().next_task())));
  }
  for (const KeyIsNow* key = state_.keys().Earliest(); key && key->expires <= state_.now();
       key = state_.keys().Earliest()) {
    if (is_over()) return true;
    Emit(KeyIsGone{.id = IdempotencyId(key->id)});
  }
  if (state_.now() >= next_retention_check_) {
    next_retention_check_ = state_.now() + kRetentionCheckMs;
    TouchOldQueues();
    EndLongLeases();
    DeleteUnusedNames();
  }
  return false;
}

void Engine::MakeReady(TaskImage image) {
  // Only what waits for its time. A running task gives up its lease in other ways.
  TREADLE_CHECK(image.state == TaskState::kScheduled || image.state == TaskState::kRetrying);
  image.state = TaskState::kReady;
  image.by_shard_time = false;
  image.when_ms = ReadySince(image);
  Emit(TaskIsNow{.image = image, .holder = {}, .error = nullptr, .result = nullptr});
}

// True if it was, and has ended now.
bool Engine::EndIfOutOfTime(const TaskSlot& task) {
  const TaskImage image = task.image();
  const TaskTerms* const terms = state_.TermsOf(image);
  if (terms == nullptr) return false;
  const OutOfTime out = IsOutOfTime(*terms, image.state, state_.now());
  if (out == OutOfTime::kNo) return false;
  if (image.state == TaskState::kRunning) lost_.push_back({state_.HolderOf(task), image.token()});
  if (image.cancel_requested)
    return End(image, TaskState::kCancelled, AttemptOutcome::kCancelled, nullptr), true;
  if (out == OutOfTime::kExpired) {
    auto why = TaskError{"expired", "it had not begun by " + FormatWallTime(*terms->expires_at)};
    End(image, TaskState::kExpired, AttemptOutcome::kTimedOut,
        std::make_shared<TaskError>(std::move(why)));
  } else {
    auto why = TaskError{"deadline_exceeded",
                         "it had not ended by " + FormatWallTime(*terms->deadline_at)};
    End(image, TaskState::kDead, AttemptOutcome::kTimedOut,
        std::make_shared<TaskError>(std::move(why)));
  }
  return true;
}

// EndBatch() then removes what has grown too old.
void Engine::TouchOldQueues() {
  for (QueueId id = 1; id <= state_.queues(); ++id) {
    const Queue& queue = state_.queue(id);
    for (size_t i = 0; i < kEndedStates; ++i) {
      const EndedTasks& ended = queue.ended[i];
      const Keep keep = KeepOf(queue.policy.retention, static_cast<TaskState>(kFirstEnded + i));
      if (ended.tasks() > 0 && ended.at(ended.first()).ended_at + keep.ms < state_.now())
        state_.Touch(id);
    }
  }
}

// New leases count again once those have ended that were promised to last longer.
void Engine::EndLongLeases() {
  for (QueueId id = 1; id <= state_.queues(); ++id) {
    const Queue& queue = state_.queue(id);
    if (!state_.HasOutlivedLongLeases(queue)) continue;
    TREADLE_CHECK(queue.policy.lease_before_ms != 0);
    QueuePolicy policy = queue.policy;
    policy.lease_before_ms = 0;
    policy.lease_before_until = {};
    Emit(QueueIsNow{.id = id, .name = queue.name, .policy = policy});
  }
}

int64_t Engine::NextShardMs() const {
  int64_t next = kNever;
  if (state_.EarliestByShardTime()) next = state_.EarliestShardTime().ms;
  if (state_.terms().has_timer()) next = std::min(next, state_.terms().next_time().ms);
  return std::min(next, next_retention_check_.ms);
}

int64_t Engine::NextWallMs() const {
  const TaskSlot* task = state_.EarliestByWallTime();
  return task == nullptr ? kNever : task->when_ms;
}

}  // namespace treadle
