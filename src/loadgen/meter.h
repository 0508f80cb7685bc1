// Meter: what a measurement cost our own server, from its construction to Stop(). Does nothing for
// another's server, whose load is not only ours.
#pragma once

#include <cstdint>
#include <optional>

#include "loadgen/exposition.h"
#include "loadgen/measurement.h"
#include "loadgen/target.h"

namespace treadle::loadgen {

class Meter {
 public:
  /// Borrows the target.
  explicit Meter(const Target& target)
      : target_(target), turns_(target.ShardTurns()), cpu_us_(target.CpuUs()) {}

  /// Says what a task took of the processor, once the measurement knows how many there were, and
  /// how long the longest turn of the shard was.
  void Stop(Measurement* m) const;
  void StopTurns(Measurement* m) const;

 private:
  const Target& target_;
  const std::optional<ShardTurns> turns_;
  const std::optional<int64_t> cpu_us_;
};

/// The longest turns between the two.
void SayLongestTurns(const ShardTurns& before, const ShardTurns& after, Measurement* m);

}  // namespace treadle::loadgen
