#include "model/retry_policy.h"

#include <algorithm>

#include "base/time.h"
#include "model/policy_fields.h"

namespace treadle {
namespace {

int64_t FullWaitMs(const RetryPolicy& policy, uint32_t failures) {
  const uint32_t n = std::max(failures, 1U);
  const auto capped = [&](int64_t wait) { return std::min(wait, policy.backoff_cap_ms); };
  switch (policy.backoff) {
    case Backoff::kExponential:
      return capped(SaturatingMultiply(policy.backoff_base_ms, int64_t{1} << std::min(n - 1, 62U)));
    case Backoff::kLinear:
      return capped(SaturatingMultiply(policy.backoff_base_ms, n));
    case Backoff::kFixed:
      return policy.backoff_base_ms;
    case Backoff::kListed:
      return policy.delays_ms.empty()
                 ? policy.backoff_base_ms
                 : policy.delays_ms[std::min<size_t>(n, policy.delays_ms.size()) - 1];
  }
  return policy.backoff_base_ms;
}

bool Holds(const std::vector<std::string>& codes, std::string_view code) {
  return std::ranges::find(codes, code) != codes.end();
}

}  // namespace

Status Validate(const RetryPolicy& policy) {
  TREADLE_RETURN_IF_ERROR(CheckFields(policy));
  const bool is_listed = policy.backoff == Backoff::kListed;
  if (policy.delays_ms.empty() == is_listed)
    return {Code::kInvalidArgument,
            "retry.delays_ms is only for the backoff \"listed\", where it has 1 to " +
                std::to_string(kRetryDelaysMax) + " delays"};
  return {};
}

int64_t BackoffMs(const RetryPolicy& policy, uint32_t failures, uint64_t random) {
  const int64_t wait = FullWaitMs(policy, failures);
  if (wait <= 0) return 0;
  const auto draw = [&](int64_t from, int64_t to) {
    return from + static_cast<int64_t>(random % (static_cast<uint64_t>(to - from) + 1));
  };
  switch (policy.jitter) {
    case Jitter::kNone:
      return wait;
    case Jitter::kFull:
      return draw(0, wait);
    case Jitter::kEqual:
      return draw(wait / 2, wait);
  }
  return wait;
}

bool MayRetry(const RetryPolicy& policy, std::string_view error_code, bool worker_asks) {
  if (Holds(policy.never, error_code)) return false;
  return worker_asks || Holds(policy.always, error_code);
}

}  // namespace treadle
