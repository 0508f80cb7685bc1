// Policies and terms as effects and the store hold them: lists of numbers with a version.

#include "engine/effects.h"
#include "engine/text_list.h"

namespace treadle {
namespace {

// On disk: a list that changes gets another number.
constexpr uint8_t kPolicyVersion = 4;
constexpr uint8_t kPolicyVersionTimeout = 3;  // and older: each queue had an attempt timeout
constexpr uint8_t kPolicyVersionOldest = 2;   // without kHasLeaseBefore
constexpr uint8_t kTypePolicyVersion = 1;
constexpr uint8_t kTermsVersionOldest = 1;  // knew neither the later flags nor what they announce
constexpr uint8_t kTermsVersion = 2;
constexpr uint8_t kDeletedTypeVersion = 2;  // 1, and the type was deleted

enum PolicyFlag : uint8_t {
  kPaused = 1,
  kDraining = 2,
  kSheds = 4,
  kDeleted = 8,
  kSearchesPayloads = 16,
  kHasLeaseBefore = 32,
};
enum TermsFlag : uint8_t {
  kSensitive = 1,
  kHasSaved = 2,
  kHasRequest = 4,
  kExpires = 8,
  kHasDeadline = 16
};

void EncodeRetry(const RetryPolicy& retry, ByteWriter* out) {
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

RetryPolicy DecodeRetry(ByteReader* in) {
  RetryPolicy retry;
  retry.backoff = static_cast<Backoff>(in->U8());
  retry.jitter = static_cast<Jitter>(in->U8());
  if (BackoffName(retry.backoff).empty() || JitterName(retry.jitter).empty()) in->Raw(SIZE_MAX);
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

void EncodeOptionalRetry(const std::optional<RetryPolicy>& retry, ByteWriter* out) {
  out->U8(retry.has_value());
  if (retry) EncodeRetry(*retry, out);
}

std::optional<RetryPolicy> DecodeOptionalRetry(ByteReader* in) {
  if (in->U8() == 0) return std::nullopt;
  return DecodeRetry(in);
}

void EncodeContract(const TypeContract& contract, ByteWriter* out) {
  out->Varint(contract.version);
  out->Bytes(contract.description);
  out->Bytes(contract.input_schema);
  out->Bytes(contract.output_schema);
  out->U8(contract.priority ? *contract.priority + 1 : 0);
  out->Varint(contract.codes.size());
  for (const ContractCode& code : contract.codes) {
    out->Bytes(code.code);
    out->U8(static_cast<uint8_t>(code.retry));
    out->Bytes(code.description);
  }
}

std::shared_ptr<const TypeContract> DecodeContract(ByteReader* in) {
  auto contract = std::make_shared<TypeContract>();
  contract->version = static_cast<uint32_t>(in->Varint());
  contract->description = in->Bytes();
  contract->input_schema = in->Bytes();
  contract->output_schema = in->Bytes();
  if (const uint8_t priority = in->U8(); priority > 0) contract->priority = priority - 1;
  for (uint64_t left = in->Varint(); left > 0 && !in->failed(); --left) {
    ContractCode& code = contract->codes.emplace_back();
    code.code = in->Bytes();
    code.retry = static_cast<CodeRetry>(in->U8());
    if (CodeRetryName(code.retry).empty()) in->Raw(SIZE_MAX);
    code.description = in->Bytes();
  }
  return contract;
}

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

void EncodePolicy(const QueuePolicy& policy, ByteWriter* out) {
  out->U8(kPolicyVersion);
  EncodeRetry(policy.retry, out);
  out->Signed(policy.retention.completed_tasks);
  out->Signed(policy.retention.completed_ms);
  out->Signed(policy.retention.completed_bytes);
  out->Signed(policy.retention.dead_ms);
  out->Signed(policy.lease_ms);
  out->Signed(policy.idempotency_window_ms);
  out->Signed(policy.cancel_grace_ms);
  out->Signed(policy.attempt_timeout_ms);
  out->Varint(policy.max_worker_losses);
  out->U8(static_cast<uint8_t>((policy.paused ? kPaused : 0) | (policy.draining ? kDraining : 0) |
                               (policy.capacity.shed ? kSheds : 0) |
                               (policy.deleted ? kDeleted : 0) |
                               (policy.search_payloads ? kSearchesPayloads : 0) |
                               (policy.lease_before_ms != 0 ? kHasLeaseBefore : 0)));
  out->Signed(policy.capacity.tasks);
  out->Signed(policy.capacity.bytes);
  if (policy.lease_before_ms == 0) return;
  out->Signed(policy.lease_before_ms);
  out->Signed(policy.lease_before_until.ms);
}

QueuePolicy DecodePolicy(ByteReader* in) {
  const uint8_t version = in->U8();
  if (version < kPolicyVersionOldest || version > kPolicyVersion)
    in->Raw(SIZE_MAX);  // fails the reader
  QueuePolicy policy;
  policy.retry = DecodeRetry(in);
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

void EncodeTypePolicy(const TypePolicy& policy, ByteWriter* out) {
  out->U8(policy.deleted ? kDeletedTypeVersion : kTypePolicyVersion);
  EncodeOptionalRetry(policy.retry, out);
  out->Signed(policy.attempt_timeout_ms);
  out->Varint(policy.contracts.size());
  for (const auto& contract : policy.contracts) EncodeContract(*contract, out);
}

TypePolicy DecodeTypePolicy(ByteReader* in) {
  const uint8_t version = in->U8();
  if (version != kTypePolicyVersion && version != kDeletedTypeVersion)
    in->Raw(SIZE_MAX);  // fails the reader
  TypePolicy policy;
  policy.deleted = version == kDeletedTypeVersion;
  policy.retry = DecodeOptionalRetry(in);
  policy.attempt_timeout_ms = in->Signed();
  for (uint64_t left = in->Varint(); left > 0 && !in->failed(); --left)
    policy.contracts.push_back(DecodeContract(in));
  return policy;
}

// Most terms say nothing that version 1 could not say, and stay as they were.
void EncodeTerms(const TaskTerms& terms, ByteWriter* out) {
  const auto is_zero = [](const std::optional<WallTime>& time) { return time && time->ms == 0; };
  const bool is_old =
      !terms.request_hash && !is_zero(terms.expires_at) && !is_zero(terms.deadline_at);
  out->U8(is_old ? kTermsVersionOldest : kTermsVersion);
  out->Signed(terms.expires_at.value_or(WallTime{}).ms);
  out->Signed(terms.expires.ms);
  out->Signed(terms.deadline_at.value_or(WallTime{}).ms);
  out->Signed(terms.deadline.ms);
  out->Signed(terms.attempt_timeout_ms);
  EncodeOptionalRetry(terms.retry, out);
  out->Varint(terms.contract);
  out->Signed(terms.first_failure.ms);
  const int later = (terms.request_hash ? kHasRequest : 0) | (terms.expires_at ? kExpires : 0) |
                    (terms.deadline_at ? kHasDeadline : 0);
  out->U8(static_cast<uint8_t>((terms.sensitive ? kSensitive : 0) |
                               (terms.has_saved ? kHasSaved : 0) | (is_old ? 0 : later)));
  if (terms.has_saved) out->Varint(terms.saved_bytes);
  out->Varint(terms.log_attempt);
  out->Varint(terms.log_bytes);
  out->U8(static_cast<uint8_t>(terms.unique));
  if (terms.unique == Unique::kNo) return;
  for (const uint64_t half : terms.unique_key) out->U64(half);
  if (terms.request_hash) out->U64(*terms.request_hash);
}

std::shared_ptr<const TaskTerms> DecodeTerms(ByteReader* in) {
  const uint8_t version = in->U8();
  if (version < kTermsVersionOldest || version > kTermsVersion) in->Raw(SIZE_MAX);  // fails it
  auto terms = std::make_shared<TaskTerms>();
  const WallTime expires_at{in->Signed()};
  terms->expires = {in->Signed()};
  const WallTime deadline_at{in->Signed()};
  terms->deadline = {in->Signed()};
  terms->attempt_timeout_ms = in->Signed();
  terms->retry = DecodeOptionalRetry(in);
  terms->contract = static_cast<uint32_t>(in->Varint());
  terms->first_failure = {in->Signed()};
  const uint8_t flags = in->U8();
  terms->sensitive = (flags & kSensitive) != 0;
  terms->has_saved = (flags & kHasSaved) != 0;
  const bool is_old = version == kTermsVersionOldest;  // then 0 was nothing
  if (is_old ? expires_at.ms != 0 : (flags & kExpires) != 0) terms->expires_at = expires_at;
  if (is_old ? deadline_at.ms != 0 : (flags & kHasDeadline) != 0) terms->deadline_at = deadline_at;
  if (terms->has_saved) terms->saved_bytes = static_cast<uint32_t>(in->Varint());
  terms->log_attempt = static_cast<uint32_t>(in->Varint());
  terms->log_bytes = static_cast<uint32_t>(in->Varint());
  terms->unique = static_cast<Unique>(in->U8());
  if (terms->unique > Unique::kDone) in->Raw(SIZE_MAX);  // fails the reader
  if (terms->unique == Unique::kNo) return terms;
  for (uint64_t& half : terms->unique_key) half = in->U64();
  if (!is_old && (flags & kHasRequest) != 0) terms->request_hash = in->U64();
  return terms;
}

}  // namespace treadle
