// What `treadle bench` reads in a server's /metrics. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace treadle::loadgen {

/// The sample without labels that is called `name`.
std::optional<double> MetricOf(std::string_view exposition, std::string_view name);

/// How long the turns of the shard took since the server's start, by the clock or of a processor.
struct TurnTimes {
  struct Bucket {
    double bound_s = 0;
    uint64_t turns = 0;  // that took no longer: those of the buckets before included
  };
  std::vector<Bucket> buckets;  // by rising bounds; the last one has none, and is infinite
  double longest_s = 0;
};
struct ShardTurns {
  TurnTimes clock;
  TurnTimes processor;
};
/// Nothing if the server does not report it.
std::optional<ShardTurns> ShardTurnsOf(std::string_view exposition);

/// The longest turn between the two, in milliseconds: exactly if none before was longer, else
/// rounded up to the bound of its bucket. 0: there was none.
double LongestTurnMs(const TurnTimes& before, const TurnTimes& after);

}  // namespace treadle::loadgen
