// Shard: time. Shard time follows the monotonic clock while the node is up.

#include <algorithm>

#include "node/shard.h"

namespace treadle {
namespace {

constexpr int64_t kTickMsMax = 1'000;
constexpr size_t kTasksPerTick = 2'000;

}  // namespace

BatchTime Shard::Now() {
  const int64_t up = env_.clock->MonotonicMs() - base_monotonic_ms_;
  return {.shard = std::max(engine_->state().now(), base_time_ + up),
          .wall = env_.clock->Wall(),
          .random = env_.random->Next()};
}

void Shard::TickLater() {
  const int64_t monotonic = env_.clock->MonotonicMs();
  const int64_t shard_now = (base_time_ + (monotonic - base_monotonic_ms_)).ms;
  const int64_t by_shard = SaturatingAdd(engine_->NextShardMs(), -shard_now);
  const int64_t by_wall = SaturatingAdd(engine_->NextWallMs(), -env_.clock->Wall().ms);
  const int64_t delay = std::clamp<int64_t>(std::min(by_shard, by_wall), 1, kTickMsMax);
  if (monotonic + delay >= tick_at_ms_) return;
  tick_at_ms_ = monotonic + delay;
  env_.shard->PostAfter(delay, [this, at = tick_at_ms_] { Tick(at); });
}

void Shard::Tick(int64_t at_ms) {
  if (failed_ || at_ms != tick_at_ms_) return;  // an earlier one took its place
  tick_at_ms_ = INT64_MAX;
  if (Open().Tick(kTasksPerTick)) {
    tick_at_ms_ = at_ms;
    env_.shard->Post([this, at_ms] { Tick(at_ms); });
  }
  if (desk_.ForgetIdleSessions()) ForgetProgress();
}

}  // namespace treadle
