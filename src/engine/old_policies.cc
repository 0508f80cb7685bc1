#include "engine/old_policies.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "engine/text_list.h"
#include "model/policy_fields.h"

namespace treadle {
namespace {

constexpr uint8_t kPolicyVersionTimeout = 3;  // and older: each queue had an attempt timeout
constexpr uint8_t kPolicyVersionOldest = 2;   // without kHasLeaseBefore
constexpr uint8_t kTypePolicyVersionOldest = 1;
constexpr uint8_t kDeletedTypeVersion = 2;  // 1, and the type was deleted
constexpr uint8_t kRetryFields = 9;         // the first fields of the table of today

enum PolicyFlag : uint8_t {
  kPaused = 1,
  kDraining = 2,
  kSheds = 4,
  kDeleted = 8,
  kSearchesPayloads = 16,
  kHasLeaseBefore = 32,
};

// Whether nobody ever changed this policy of version 0.3.0 or older but to pause, drain or delete
// the queue: then its timeout was the default of the time, and is that of today.
bool IsOldDefault(QueuePolicy policy) {
  constexpr int64_t kOldTimeoutMs = 30 * 60 * int64_t{1000};
  policy.paused = policy.draining = policy.deleted = false;
  policy.lease_before_ms = 0;
  policy.lease_before_until = {};
  return policy == QueuePolicy{.attempt_timeout_ms = kOldTimeoutMs};
}

}  // namespace

bool FitsOldRetry(const RetryPolicy& retry) {
  static const RetryPolicy kDefault;
  return retry.unknown.empty() &&
         std::ranges::all_of(Fields<RetryPolicy>(), [&](const Field<RetryPolicy>& field) {
           return field.number <= kRetryFields || field.get(retry) == field.get(kDefault);
         });
}

void EncodeOldRetry(const RetryPolicy& retry, ByteWriter* out) {
  TREADLE_CHECK(retry.unknown.empty());  // FitsOldRetry()
  out->U8(static_cast<uint8_t>(retry.backoff));
  out->U8(static_cast<uint8_t>(retry.jitter));
  out->Signed(retry.backoff_base_ms);
  out->Signed(retry.backoff_cap_ms);
  out->Varint(retry.delays_ms.size());
  for (const int64_t delay : retry.delays_ms) out->Signed(delay);
  out->Varint(retry.max_attempts);
  out->Signed(retry.total_ms);
  EncodeTexts(retry.never, out);
  EncodeTexts(retry.always, out);
}

RetryPolicy DecodeOldRetry(ByteReader* in) {
  RetryPolicy retry;
  retry.backoff = static_cast<Backoff>(in->U8());
  retry.jitter = static_cast<Jitter>(in->U8());
  if (retry.backoff < Backoff::kExponential || retry.backoff > Backoff::kListed ||
      retry.jitter < Jitter::kNone || retry.jitter > Jitter::kEqual)
    in->Raw(SIZE_MAX);  // fails the reader
  retry.backoff_base_ms = in->Signed();
  retry.backoff_cap_ms = in->Signed();
  for (uint64_t left = in->Varint(); left > 0 && !in->failed(); --left)
    retry.delays_ms.push_back(in->Signed());
  retry.max_attempts = static_cast<uint16_t>(in->Varint());
  retry.total_ms = in->Signed();
  retry.never = DecodeTexts(in);
  retry.always = DecodeTexts(in);
  return retry;
}

QueuePolicy DecodeOldPolicy(uint8_t version, ByteReader* in) {
  if (version < kPolicyVersionOldest || version > kOldPolicyVersion) in->Raw(SIZE_MAX);
  QueuePolicy policy;
  policy.retry = DecodeOldRetry(in);
  policy.retention.completed_tasks = in->Signed();
  policy.retention.completed_ms = in->Signed();
  policy.retention.completed_bytes = in->Signed();
  policy.retention.dead_ms = in->Signed();
  policy.lease_ms = in->Signed();
  policy.idempotency_window_ms = in->Signed();
  policy.cancel_grace_ms = in->Signed();
  policy.attempt_timeout_ms = in->Signed();
  policy.max_worker_losses = static_cast<uint32_t>(in->Varint());
  const uint8_t flags = in->U8();
  policy.paused = (flags & kPaused) != 0;
  policy.draining = (flags & kDraining) != 0;
  policy.capacity.shed = (flags & kSheds) != 0;
  policy.deleted = (flags & kDeleted) != 0;
  policy.search_payloads = (flags & kSearchesPayloads) != 0;
  policy.capacity.tasks = in->Signed();
  policy.capacity.bytes = in->Signed();
  if ((flags & kHasLeaseBefore) != 0) {
    policy.lease_before_ms = in->Signed();
    policy.lease_before_until.ms = in->Signed();
  }
  if (version <= kPolicyVersionTimeout && IsOldDefault(policy)) policy.attempt_timeout_ms = 0;
  return policy;
}

TypePolicy DecodeOldTypePolicy(uint8_t version, ByteReader* in) {
  if (version < kTypePolicyVersionOldest || version > kOldTypePolicyVersion) in->Raw(SIZE_MAX);
  TypePolicy policy;
  policy.deleted = version == kDeletedTypeVersion;
  if (in->U8() != 0) policy.retry = DecodeOldRetry(in);
  policy.attempt_timeout_ms = in->Signed();
  return policy;
}

}  // namespace treadle
