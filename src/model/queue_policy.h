// QueuePolicy, TypePolicy: how a queue, or a task type, treats its tasks. Plain values; the
// defaults are those of docs/architecture.md.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "base/time.h"
#include "model/retry_policy.h"
#include "model/type_contract.h"

namespace treadle {

/// How long ended tasks stay to be looked at. The oldest go first, as soon as one of the bounds is
/// passed. What holds for completed tasks holds for cancelled ones too, counted apart.
struct RetentionPolicy {
  int64_t completed_tasks = 10'000;
  int64_t completed_ms = 24 * 3600 * int64_t{1000};
  int64_t completed_bytes = 64 << 20;  // of payloads and results
  int64_t dead_ms = 30 * 24 * 3600 * int64_t{1000};

  bool operator==(const RetentionPolicy&) const = default;
};

/// How much may wait or run in a queue, and what becomes of a task that is too much.
struct CapacityPolicy {
  int64_t tasks = 0;  // 0: no bound of its own
  int64_t bytes = 0;  // of payloads; 0: no bound of its own
  /// Full: ready tasks of lower priority than the new one make room, the newest first; they are
  /// cancelled as "shed". If there are none, or without this, the new one is refused.
  bool shed = false;

  bool operator==(const CapacityPolicy&) const = default;
};

/// A new member, here or in a part, also needs a row of the table in policy_fields.cc.
struct QueuePolicy {
  RetryPolicy retry;
  RetentionPolicy retention;
  int64_t lease_ms = 30'000;
  int64_t idempotency_window_ms = 24 * 3600 * int64_t{1000};
  /// How long a running task that is to be cancelled may take to end by itself; then its lease is
  /// revoked.
  int64_t cancel_grace_ms = 30'000;
  /// How long an attempt may take, from its lease to its report, unless its type or task says
  /// otherwise; then its lease is revoked, and it has failed. 0: as long as its worker renews it.
  int64_t attempt_timeout_ms = 0;
  /// Leases that a task may lose, by workers that died or stalled, before it is dead.
  uint32_t max_worker_losses = 5;
  /// No task of the queue is leased. Tasks are still accepted, and running ones continue.
  bool paused = false;
  /// New tasks are refused; existing ones still run.
  bool draining = false;
  CapacityPolicy capacity;
  /// Lists find tasks by the words of their payloads: those that come, are edited or are moved here
  /// while this is set.
  bool search_payloads = false;
  /// The queue was deleted when it was empty. It is back with its next task, or its next policy.
  bool deleted = false;
  /// The engine's own: `lease_ms` became shorter while tasks ran whose workers were told of this
  /// much. Until they have all ended, or are revoked, leases of the queue last so long.
  int64_t lease_before_ms = 0;
  ShardTime lease_before_until;
  /// Fields that a later version wrote, as they are on disk; see RetryPolicy.
  std::string unknown;

  /// How long a lease lasts that begins, or is renewed, at `now`.
  int64_t LeaseMsAt(ShardTime now) const {
    return now < lease_before_until ? std::max(lease_ms, lease_before_ms) : lease_ms;
  }
  bool operator==(const QueuePolicy&) const = default;
};

/// What holds for all tasks of a type, in whatever queue. What is not set is left to the queue. A
/// new member also needs a row of the table in policy_fields.cc.
struct TypePolicy {
  std::optional<RetryPolicy> retry;
  int64_t attempt_timeout_ms = 0;  // 0: not set
  TypeContracts contracts;
  /// The type was deleted when it had no task. It is back with its next task, or its next policy.
  bool deleted = false;
  std::string unknown;  // as in QueuePolicy

  bool operator==(const TypePolicy& other) const;
};

/// INVALID_ARGUMENT names the field that is out of its range.
Status Validate(const QueuePolicy& policy);
Status Validate(const TypePolicy& policy);
/// Of a queue, a type or a task; 0 means none.
Status ValidateAttemptTimeout(int64_t timeout_ms);

}  // namespace treadle
