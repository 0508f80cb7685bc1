#include "model/retry_policy.h"

#include <algorithm>

#include "base/time.h"
#include "model/limits.h"
#include "model/range.h"
#include "model/validate.h"

namespace treadle {
namespace {

// Small, because a task may have its own policy, which stays in memory.
constexpr size_t kDelaysMax = 32;
constexpr size_t kCodesMax = 16;

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

Status CheckCodes(const std::string& field, const std::vector<std::string>& codes) {
  if (codes.size() > kCodesMax)
    return {Code::kInvalidArgument,
            field + " must have at most " + std::to_string(kCodesMax) + " error codes"};
  for (const std::string& code : codes)
    if (code.empty() || code.size() > limits::kErrorCodeBytes || !IsPrintableUtf8(code))
      return {Code::kInvalidArgument, field + " must contain printable error codes of 1 to " +
                                          std::to_string(limits::kErrorCodeBytes) + " bytes"};
  return {};
}

bool Holds(const std::vector<std::string>& codes, std::string_view code) {
  return std::ranges::find(codes, code) != codes.end();
}

}  // namespace

std::string_view BackoffName(Backoff backoff) {
  switch (backoff) {
    case Backoff::kExponential:
      return "exponential";
    case Backoff::kLinear:
      return "linear";
    case Backoff::kFixed:
      return "fixed";
    case Backoff::kListed:
      return "listed";
  }
  return "";
}

std::string_view JitterName(Jitter jitter) {
  switch (jitter) {
    case Jitter::kNone:
      return "none";
    case Jitter::kFull:
      return "full";
    case Jitter::kEqual:
      return "equal";
  }
  return "";
}

Status Validate(const RetryPolicy& policy, const std::string& prefix) {
  TREADLE_RETURN_IF_ERROR(CheckRanges({
      {prefix + "backoff_base_ms", policy.backoff_base_ms, 0, kTenYearsMs},
      {prefix + "backoff_cap_ms", policy.backoff_cap_ms, 0, kTenYearsMs},
      {prefix + "max_attempts", policy.max_attempts, 1, limits::kAttemptsMax},
      {prefix + "total_ms", policy.total_ms, 0, kTenYearsMs},
  }));
  const bool is_listed = policy.backoff == Backoff::kListed;
  if (policy.delays_ms.empty() == is_listed || policy.delays_ms.size() > kDelaysMax)
    return {Code::kInvalidArgument,
            prefix + "delays_ms is only for the backoff \"listed\", where it has 1 to " +
                std::to_string(kDelaysMax) + " delays"};
  for (const int64_t delay : policy.delays_ms)
    TREADLE_RETURN_IF_ERROR(CheckRanges({{prefix + "delays_ms", delay, 0, kTenYearsMs}}));
  TREADLE_RETURN_IF_ERROR(CheckCodes(prefix + "never", policy.never));
  return CheckCodes(prefix + "always", policy.always);
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
