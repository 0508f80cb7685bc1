#include "loadgen/stall_watch.h"

namespace treadle::loadgen {
namespace {

/// Raises `value` to `at_least`; what it was before.
int64_t Raise(std::atomic<int64_t>& value, int64_t at_least) {
  int64_t was = value;
  while (was < at_least && !value.compare_exchange_weak(was, at_least)) {
  }
  return was;
}

}  // namespace

void StallWatch::Happened(int64_t at_us) {
  const int64_t before = Raise(last_us_, at_us);
  if (before != kNever) Raise(longest_us_, at_us - before);
}

}  // namespace treadle::loadgen
