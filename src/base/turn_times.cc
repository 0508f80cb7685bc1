#include "base/turn_times.h"

#include <time.h>

#include <algorithm>

namespace treadle {
namespace {

constexpr std::chrono::milliseconds kLookEvery(1);

}  // namespace

void TurnTimes::Add(int64_t ns) {
  size_t bucket = 0;
  while (bucket < kBoundsUs.size() && ns > kBoundsUs[bucket] * 1'000) ++bucket;
  ++counts_[bucket];
  total_ns_ += ns;
  longest_ns_ = std::max(longest_ns_, ns);
}

ProcessorMeter::Turn ProcessorMeter::Begin(Time now) {
  if (now - looked_at_ > kLookEvery) Look(now);
  return {now, used_ns_};
}

int64_t ProcessorMeter::End(const Turn& turn, Time now) {
  const int64_t took_ns = (now - turn.begun) / std::chrono::nanoseconds(1);
  if (now - turn.begun <= kLookEvery) return took_ns;
  Look(now);
  return std::min(took_ns, used_ns_ - turn.used_ns);
}

void ProcessorMeter::Look(Time now) {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  used_ns_ = int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
  looked_at_ = now;
}

}  // namespace treadle
