#include "loadgen/burst_latency.h"

#include <algorithm>

namespace treadle::loadgen {
namespace {

constexpr int64_t kUsPerSecond = 1'000'000;
constexpr double kPercent = 99;
constexpr int64_t kNormal = 2;  // times what it was before

}  // namespace

BurstLatency::BurstLatency(std::chrono::microseconds before, std::chrono::microseconds burst)
    : burst_begin_us_(before.count()), burst_end_us_((before + burst).count()) {}

BurstPhase BurstLatency::PhaseAt(int64_t at_us) const {
  if (at_us < burst_begin_us_) return BurstPhase::kBefore;
  return at_us < burst_end_us_ ? BurstPhase::kBurst : BurstPhase::kAfter;
}

void BurstLatency::Add(int64_t at_us, int64_t latency_us) {
  const BurstPhase phase = PhaseAt(at_us);
  if (phase == BurstPhase::kBefore) return before_.Add(latency_us);
  if (phase == BurstPhase::kBurst) return burst_.Add(latency_us);
  const auto second = static_cast<size_t>((at_us - burst_end_us_) / kUsPerSecond);
  seconds_.resize(std::max(seconds_.size(), second + 1));
  seconds_[second].Add(latency_us);
}

Histogram BurstLatency::Of(BurstPhase phase) const {
  if (phase == BurstPhase::kBefore) return before_;
  if (phase == BurstPhase::kBurst) return burst_;
  Histogram all;
  for (const Histogram& second : seconds_) all.Merge(second);
  return all;
}

// A second in which no task was accepted is not normal.
std::optional<int64_t> BurstLatency::NormalAfterSeconds() const {
  if (before_.count() == 0) return std::nullopt;
  const int64_t normal_us = kNormal * before_.PercentileUs(kPercent);
  for (size_t i = 0; i < seconds_.size(); ++i) {
    if (seconds_[i].count() > 0 && seconds_[i].PercentileUs(kPercent) <= normal_us)
      return static_cast<int64_t>(i);
  }
  return std::nullopt;
}

}  // namespace treadle::loadgen
