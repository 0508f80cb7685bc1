// QueuePolicy: how a queue treats its tasks. Plain values; the defaults are those of
// docs/architecture.md.
#pragma once

#include <cstdint>

#include "base/status.h"

namespace treadle {

/// Waits before another attempt: base × 2ⁿ after the n-th failure (n from 0), at most `cap`, then
/// full jitter: a uniform draw from 0 to that (Brooker, "Exponential Backoff And Jitter", 2015).
struct RetryPolicy {
  int64_t backoff_base_ms = 500;
  int64_t backoff_cap_ms = 60'000;

  bool operator==(const RetryPolicy&) const = default;
};

/// How long ended tasks stay to be looked at. The oldest go first, as soon as one of the bounds is
/// passed. What holds for completed tasks holds for cancelled ones too, counted apart.
struct RetentionPolicy {
  int64_t completed_tasks = 10'000;
  int64_t completed_ms = 24 * 3600 * int64_t{1000};
  int64_t completed_bytes = 64 << 20;  // of payloads and results
  int64_t dead_ms = 30 * 24 * 3600 * int64_t{1000};

  bool operator==(const RetentionPolicy&) const = default;
};

struct QueuePolicy {
  RetryPolicy retry;
  RetentionPolicy retention;
  int64_t lease_ms = 30'000;
  int64_t idempotency_window_ms = 24 * 3600 * int64_t{1000};
  /// How long a running task that is to be cancelled may take to end by itself; then its lease is
  /// revoked.
  int64_t cancel_grace_ms = 30'000;
  /// No task of the queue is leased. All else goes on: tasks are accepted, and those that run end.
  bool paused = false;

  bool operator==(const QueuePolicy&) const = default;
};

/// INVALID_ARGUMENT names the field that is out of its range.
Status Validate(const QueuePolicy& policy);

/// The delay before the attempt that follows failure number `failures` (from 1). `random` is any 64
/// random bits. Saturates; never more than the cap.
int64_t BackoffMs(const RetryPolicy& policy, uint32_t failures, uint64_t random);

}  // namespace treadle
