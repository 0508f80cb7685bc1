// PolicyPatch: what a request changes of a policy. A value, so that a command that carries it can
// be stored, forwarded and shown. Pure; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/field.h"
#include "model/queue_policy.h"
#include "model/retry_policy.h"
#include "model/type_contract.h"

namespace treadle {

/// A field of a table (policy_fields.h) and its new value.
struct FieldChange {
  uint8_t number = 0;
  FieldValue value;

  bool operator==(const FieldChange&) const = default;
};

struct RetryPatch {
  std::optional<RetryPolicy> base;  // what `changes` build on, instead of the policy in force
  std::vector<FieldChange> changes;

  void Apply(RetryPolicy* retry) const;
};

struct QueuePolicyPatch {
  RetryPatch retry;
  std::vector<FieldChange> changes;

  /// Sets every field, to what it is in `policy`.
  static QueuePolicyPatch To(const QueuePolicy& policy);
  /// Sets one field more, which must exist: Set("lease_ms", 5'000), Set("retry.max_attempts", 3).
  QueuePolicyPatch& Set(std::string_view path, FieldValue value);

  void Apply(QueuePolicy* policy) const;
};

struct TypePolicyPatch {
  bool drops_retry = false;         // the queue's retry policy applies again
  std::optional<RetryPatch> retry;  // of the type's own policy; makes one if there is none
  std::vector<FieldChange> changes;
  std::shared_ptr<const TypeContract> contract;  // joins the others, or replaces its version
  uint32_t dropped_contract = 0;                 // a version; 0: none

  /// As in QueuePolicyPatch.
  TypePolicyPatch& Set(std::string_view path, FieldValue value);

  /// NOT_FOUND: there is no contract to drop. `type` is the name of the type, for errors.
  Status Apply(std::string_view type, TypePolicy* policy) const;
};

}  // namespace treadle
