// ShardClock: the time of a shard, and the ticks by which the engine hears that it passes.
//
// Shard time follows the monotonic clock while the node is up. The engine has no timer: it says
// when it has something to do next, and is called then, and once a second at least.
//
// On the shard's executor.
#pragma once

#include <cstdint>

#include "shard/environment.h"
#include "shard/shard_services.h"

namespace treadle {

class ShardClock {
 public:
  /// Shard time goes on from `begin`. Borrows all.
  ShardClock(ShardServices* shard, ShardEvents* events, const ShardEnvironment& environment,
             ShardTime begin);

  /// Never less than what the engine has seen.
  BatchTime Now() const;
  int64_t MonotonicMs() const { return clock_->MonotonicMs(); }
  int64_t UptimeMs() const { return MonotonicMs() - begin_monotonic_ms_; }
  /// To be called when the engine may have something to do earlier than before.
  void TickLater();

 private:
  void Tick(int64_t at_ms);

  ShardServices* const shard_;
  ShardEvents* const events_;
  Clock* const clock_;
  Random* const random_;
  Executor* const loop_;
  const ShardTime begin_;
  const int64_t begin_monotonic_ms_;
  int64_t tick_at_ms_ = INT64_MAX;  // monotonic; the earliest tick that is posted
};

}  // namespace treadle
