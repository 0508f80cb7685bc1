// Terms of tasks as effects and the store hold them: numbers with a version.

#include "engine/effects.h"
#include "engine/old_policies.h"

namespace treadle {
namespace {

// On disk.
constexpr uint8_t kTermsVersionOldest = 1;  // knew neither the later flags nor what they announce
constexpr uint8_t kTermsVersionFlags = 2;
constexpr uint8_t kTermsVersion = 3;  // the retry policy is a list of fields

enum TermsFlag : uint8_t {
  kSensitive = 1,
  kHasSaved = 2,
  kHasRequest = 4,
  kExpires = 8,
  kHasDeadline = 16
};

// The oldest that can say all of it. Most terms stay as they were, and so do the request hashes of
// idempotency keys, which are made of them.
uint8_t VersionFor(const TaskTerms& terms) {
  const auto is_zero = [](const std::optional<WallTime>& time) { return time && time->ms == 0; };
  if (terms.retry && !FitsOldRetry(*terms.retry)) return kTermsVersion;
  const bool is_old =
      !terms.request_hash && !is_zero(terms.expires_at) && !is_zero(terms.deadline_at);
  return is_old ? kTermsVersionOldest : kTermsVersionFlags;
}

}  // namespace

void EncodeTerms(const TaskTerms& terms, ByteWriter* out) {
  const uint8_t version = VersionFor(terms);
  const bool is_old = version == kTermsVersionOldest;
  out->U8(version);
  out->Signed(terms.expires_at.value_or(WallTime{}).ms);
  out->Signed(terms.expires.ms);
  out->Signed(terms.deadline_at.value_or(WallTime{}).ms);
  out->Signed(terms.deadline.ms);
  out->Signed(terms.attempt_timeout_ms);
  out->U8(terms.retry.has_value());
  if (terms.retry)
    version < kTermsVersion ? EncodeOldRetry(*terms.retry, out) : EncodeRetry(*terms.retry, out);
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
  if (in->U8() != 0) terms->retry = version < kTermsVersion ? DecodeOldRetry(in) : DecodeRetry(in);
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
