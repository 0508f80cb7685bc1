// RetryPolicy: whether a failed attempt is followed by another, and when. A task may have one of
// its own, a task type another, and every queue has one: the first of these that is there holds,
// whole. Plain values; the defaults are those of docs/semantics.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace treadle {

/// How the wait grows from failure to failure. On disk.
enum class Backoff : uint8_t {
  kExponential = 1,  // base × 2ⁿ⁻¹ after failure n
  kLinear = 2,       // base × n
  kFixed = 3,        // base
  kListed = 4,       // the n-th of `delays_ms`; the last one for all that follow
};

/// How much of the wait is drawn by chance, so that those who failed together do not come back
/// together (Brooker, "Exponential Backoff And Jitter", 2015). On disk.
enum class Jitter : uint8_t {
  kNone = 1,
  kFull = 2,   // from 0 to the wait
  kEqual = 3,  // from half of the wait to the wait
};

inline constexpr size_t kRetryDelaysMax = 32;

/// A new member also needs a row of the table in policy_fields.cc.
struct RetryPolicy {
  Backoff backoff = Backoff::kExponential;
  Jitter jitter = Jitter::kFull;
  int64_t backoff_base_ms = 500;
  int64_t backoff_cap_ms = 60'000;  // kExponential, kLinear: no wait is longer
  std::vector<int64_t> delays_ms;   // kListed: 1 to 32 of them; else none
  uint16_t max_attempts = 20;       // of tasks without a value of their own
  int64_t total_ms = 0;             // no attempt begins later than this after the first failure; 0:
                                    // no such bound
  std::vector<std::string> never;   // error codes after which there is no other attempt
  std::vector<std::string>
      always;  // error codes after which there is one, whatever the worker reported
  /// Fields that a later version wrote, as they are on disk. They have no effect here, and are
  /// written again.
  std::string unknown;

  bool operator==(const RetryPolicy&) const = default;
};

/// INVALID_ARGUMENT names the field that is out of its range: "retry.max_attempts".
Status Validate(const RetryPolicy& policy);

/// The wait that follows failure number `failures` (from 1). `random` is any 64 random bits.
/// Saturates.
int64_t BackoffMs(const RetryPolicy& policy, uint32_t failures, uint64_t random);

/// Whether the policy lets an attempt that ended with this error code be followed by another, if
/// its worker asks for that or not.
bool MayRetry(const RetryPolicy& policy, std::string_view error_code, bool worker_asks);

}  // namespace treadle
