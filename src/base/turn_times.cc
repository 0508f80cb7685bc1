#include "base/turn_times.h"

#include <algorithm>

namespace treadle {

void TurnTimes::Add(int64_t ns) {
  size_t bucket = 0;
  while (bucket < kBoundsUs.size() && ns > kBoundsUs[bucket] * 1'000) ++bucket;
  ++counts_[bucket];
  total_ns_ += ns;
  longest_ns_ = std::max(longest_ns_, ns);
}

}  // namespace treadle
