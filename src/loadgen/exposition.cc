#include "loadgen/exposition.h"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace treadle::loadgen {
namespace {

/// "le=" may be "+Inf", which strtod knows.
double NumberAt(std::string_view text) {
  return std::strtod(std::string(text.substr(0, 32)).c_str(), nullptr);
}

std::optional<TurnTimes::Bucket> BucketOf(std::string_view line, std::string_view begin) {
  if (!line.starts_with(begin)) return std::nullopt;
  const size_t value = line.find("} ");
  if (value == std::string_view::npos) return std::nullopt;
  return TurnTimes::Bucket{NumberAt(line.substr(begin.size())),
                           static_cast<uint64_t>(NumberAt(line.substr(value + 2)))};
}

/// Turns only in bucket `i`.
uint64_t TurnsIn(const TurnTimes& turns, size_t i) {
  if (i >= turns.buckets.size()) return 0;
  return turns.buckets[i].turns - (i > 0 ? turns.buckets[i - 1].turns : 0);
}

// Of the metrics that are called so, and `_seconds` or `_longest_seconds`.
std::optional<TurnTimes> TurnTimesOf(std::string_view exposition, const std::string& name) {
  const auto longest_s = MetricOf(exposition, name + "_longest_seconds");
  if (!longest_s) return std::nullopt;
  TurnTimes turns{.longest_s = *longest_s};
  const std::string begin = name + "_seconds_bucket{le=\"";
  while (!exposition.empty()) {
    const std::string_view line = exposition.substr(0, exposition.find('\n'));
    if (const auto bucket = BucketOf(line, begin)) turns.buckets.push_back(*bucket);
    exposition.remove_prefix(std::min(exposition.size(), line.size() + 1));
  }
  return turns;
}

}  // namespace

std::optional<double> MetricOf(std::string_view exposition, std::string_view name) {
  const std::string begin = '\n' + std::string(name) + ' ';
  const size_t at = exposition.find(begin);
  if (at == std::string_view::npos) return std::nullopt;
  return NumberAt(exposition.substr(at + begin.size()));
}

std::optional<ShardTurns> ShardTurnsOf(std::string_view exposition) {
  const auto clock = TurnTimesOf(exposition, "treadle_shard_turn");
  const auto processor = TurnTimesOf(exposition, "treadle_shard_turn_cpu");
  return clock && processor ? std::optional(ShardTurns{*clock, *processor}) : std::nullopt;
}

double LongestTurnMs(const TurnTimes& before, const TurnTimes& after) {
  for (size_t i = after.buckets.size(); i-- > 0;) {
    if (TurnsIn(after, i) > TurnsIn(before, i))
      return std::min(after.buckets[i].bound_s, after.longest_s) * 1'000;
  }
  return 0;
}

}  // namespace treadle::loadgen
