#include "model/queue_policy.h"

#include <algorithm>

#include "model/limits.h"
#include "model/range.h"

namespace treadle {
namespace {

constexpr int64_t kHourMs = int64_t{3600} * 1000;

}  // namespace

Status Validate(const QueuePolicy& policy) {
  const RetentionPolicy& keep = policy.retention;
  TREADLE_RETURN_IF_ERROR(Validate(policy.retry, "retry."));
  TREADLE_RETURN_IF_ERROR(CheckRanges({
      {"retention.completed_tasks", keep.completed_tasks, 0, 1'000'000'000},
      {"retention.completed_ms", keep.completed_ms, 0, kTenYearsMs},
      {"retention.completed_bytes", keep.completed_bytes, 0, int64_t{1} << 50},
      {"retention.dead_ms", keep.dead_ms, 0, kTenYearsMs},
      {"lease_ms", policy.lease_ms, 1'000, 12 * kHourMs},
      {"idempotency_window_ms", policy.idempotency_window_ms, 1'000, kTenYearsMs},
      {"cancel_grace_ms", policy.cancel_grace_ms, 0, kTenYearsMs},
      {"attempt_timeout_ms", policy.attempt_timeout_ms, 0, limits::kAttemptTimeoutMsMax},
      {"capacity.tasks", policy.capacity.tasks, 0, int64_t{1} << 50},
      {"capacity.bytes", policy.capacity.bytes, 0, int64_t{1} << 50},
      {"max_worker_losses", policy.max_worker_losses, 1, limits::kWorkerLossesMax},
  }));
  return {};
}

Status Validate(const TypePolicy& policy) {
  if (policy.retry) TREADLE_RETURN_IF_ERROR(Validate(*policy.retry, "retry."));
  TREADLE_RETURN_IF_ERROR(ValidateAttemptTimeout(policy.attempt_timeout_ms));
  return Validate(policy.contracts);
}

bool TypePolicy::operator==(const TypePolicy& other) const {
  return retry == other.retry && attempt_timeout_ms == other.attempt_timeout_ms &&
         deleted == other.deleted &&
         std::ranges::equal(contracts, other.contracts,
                            [](const auto& a, const auto& b) { return *a == *b; });
}

Status ValidateAttemptTimeout(int64_t timeout_ms) {
  if (timeout_ms == 0) return {};  // for every task: no name is built that no error needs
  return CheckRanges({{"attempt_timeout_ms", timeout_ms, 0, limits::kAttemptTimeoutMsMax}});
}

}  // namespace treadle
