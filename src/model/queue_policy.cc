#include "model/queue_policy.h"

#include <algorithm>
#include <string>

#include "base/time.h"

namespace treadle {
namespace {

constexpr int64_t kTenYearsMs = int64_t{10} * 365 * 24 * 3600 * 1000;

struct Range {
  const char* field;
  int64_t value;
  int64_t min;
  int64_t max;
};

}  // namespace

Status Validate(const QueuePolicy& policy) {
  const Range ranges[] = {
      {"retry.backoff_base_ms", policy.retry.backoff_base_ms, 0, kTenYearsMs},
      {"retry.backoff_cap_ms", policy.retry.backoff_cap_ms, 0, kTenYearsMs},
      {"retention.completed_tasks", policy.retention.completed_tasks, 0, 1'000'000'000},
      {"retention.completed_ms", policy.retention.completed_ms, 0, kTenYearsMs},
      {"retention.completed_bytes", policy.retention.completed_bytes, 0, int64_t{1} << 50},
      {"retention.dead_ms", policy.retention.dead_ms, 0, kTenYearsMs},
      {"lease_ms", policy.lease_ms, 1'000, 12 * 3600 * int64_t{1000}},
      {"idempotency_window_ms", policy.idempotency_window_ms, 1'000, kTenYearsMs},
      {"cancel_grace_ms", policy.cancel_grace_ms, 0, kTenYearsMs},
  };
  for (const Range& r : ranges) {
    if (r.value >= r.min && r.value <= r.max) continue;
    return {Code::kInvalidArgument, std::string(r.field) + " must be from " +
                                        std::to_string(r.min) + " to " + std::to_string(r.max)};
  }
  return {};
}

int64_t BackoffMs(const RetryPolicy& policy, uint32_t failures, uint64_t random) {
  const uint32_t doublings = std::min(failures > 0 ? failures - 1 : 0, 62U);
  const int64_t full = std::min(SaturatingMultiply(policy.backoff_base_ms, int64_t{1} << doublings),
                                policy.backoff_cap_ms);
  if (full <= 0) return 0;
  return static_cast<int64_t>(random % (static_cast<uint64_t>(full) + 1));
}

}  // namespace treadle
