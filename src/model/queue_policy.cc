#include "model/queue_policy.h"

#include <algorithm>

#include "model/limits.h"
#include "model/policy_fields.h"
#include "model/range.h"

namespace treadle {

Status Validate(const QueuePolicy& policy) {
  TREADLE_RETURN_IF_ERROR(Validate(policy.retry));
  return CheckFields(policy);
}

Status Validate(const TypePolicy& policy) {
  if (policy.retry) TREADLE_RETURN_IF_ERROR(Validate(*policy.retry));
  TREADLE_RETURN_IF_ERROR(CheckFields(policy));
  return Validate(policy.contracts);
}

bool TypePolicy::operator==(const TypePolicy& other) const {
  return retry == other.retry && unknown == other.unknown &&
         std::ranges::all_of(
             Fields<TypePolicy>(),
             [&](const auto& field) { return field.get(*this) == field.get(other); }) &&
         std::ranges::equal(contracts, other.contracts,
                            [](const auto& a, const auto& b) { return *a == *b; });
}

Status ValidateAttemptTimeout(int64_t timeout_ms) {
  if (timeout_ms == 0) return {};  // for every task: no name is built that no error needs
  return CheckRanges({{"attempt_timeout_ms", timeout_ms, 0, limits::kAttemptTimeoutMsMax}});
}

}  // namespace treadle
