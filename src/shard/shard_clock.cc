#include "shard/shard_clock.h"

#include <algorithm>

#include "base/check.h"

namespace treadle {
namespace {

constexpr int64_t kTickMsMax = 1'000;
constexpr size_t kTasksPerTick = 2'000;

}  // namespace

ShardClock::ShardClock(ShardServices* shard, ShardEvents* events,
                       const ShardEnvironment& environment, ShardTime begin)
    : shard_(shard),
      events_(events),
      clock_(environment.clock),
      random_(environment.random),
      loop_(environment.loop),
      begin_(begin),
      begin_monotonic_ms_(environment.clock->MonotonicMs()) {}

BatchTime ShardClock::Now() const {
  const int64_t up = clock_->MonotonicMs() - begin_monotonic_ms_;
  TREADLE_CHECK(up >= 0);
  return {.shard = std::max(shard_->engine().state().now(), begin_ + up),
          .wall = clock_->Wall(),
          .random = random_->Next()};
}

void ShardClock::TickLater() {
  const Engine& engine = shard_->engine();
  const int64_t monotonic = clock_->MonotonicMs();
  const int64_t shard_now = (begin_ + (monotonic - begin_monotonic_ms_)).ms;
  const int64_t by_shard = SaturatingAdd(engine.NextShardMs(), -shard_now);
  const int64_t by_wall = SaturatingAdd(engine.NextWallMs(), -clock_->Wall().ms);
  const int64_t delay = std::clamp<int64_t>(std::min(by_shard, by_wall), 1, kTickMsMax);
  if (monotonic + delay >= tick_at_ms_) return;
  tick_at_ms_ = monotonic + delay;
  loop_->PostAfter(delay, [this, at = tick_at_ms_] { Tick(at); });
}

void ShardClock::Tick(int64_t at_ms) {
  if (shard_->has_failed() || at_ms != tick_at_ms_) return;  // or an earlier one took its place
  tick_at_ms_ = INT64_MAX;
  if (shard_->Open().Tick(kTasksPerTick)) {
    tick_at_ms_ = at_ms;
    loop_->Post([this, at_ms] { Tick(at_ms); });
  }
  events_->OnTick();
}

}  // namespace treadle
