// Policies on the wire: retry policies of queues, types and tasks, and what a request changes of a
// policy, all by the tables of model/policy_fields.h. Pure; any thread.
//
// The order of the fields of a request never matters: each sets a member of its own, except the
// preset of a retry policy, which is what the others build on.
#pragma once

#include <optional>

#include "json/reader.h"
#include "json/writer.h"
#include "model/policy_patch.h"
#include "model/queue_policy.h"

namespace treadle::api {

Status ReadQueuePolicyPatch(JsonValue value, QueuePolicyPatch* patch);
Status ReadTypePolicyPatch(JsonValue value, TypePolicyPatch* patch);
/// A policy of its own: the defaults, overridden by `value`.
Status ReadRetry(JsonValue value, std::optional<RetryPolicy>* retry);

void WriteRetry(const RetryPolicy& retry, JsonWriter* out);
void WriteQueuePolicy(const QueuePolicy& policy, JsonWriter* out);
/// Only what is set.
void WriteTypePolicy(const TypePolicy& policy, JsonWriter* out);

}  // namespace treadle::api
