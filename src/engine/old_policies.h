// Policies as Treadle 0.3.0 and older wrote them: all members, in a fixed order. Terms of tasks
// still have retry policies in this form, which their request hashes depend on.
//
// A function that meets what no version wrote fails the reader. Format: docs/formats/effects.md.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "model/queue_policy.h"
#include "model/retry_policy.h"

namespace treadle {

/// The newest versions in this form.
inline constexpr uint8_t kOldPolicyVersion = 4;
inline constexpr uint8_t kOldTypePolicyVersion = 2;

/// The rest of a policy, after its version.
QueuePolicy DecodeOldPolicy(uint8_t version, ByteReader* in);
/// The same without the contracts, which follow.
TypePolicy DecodeOldTypePolicy(uint8_t version, ByteReader* in);

/// Whether the form has room for all that `retry` is.
bool FitsOldRetry(const RetryPolicy& retry);
void EncodeOldRetry(const RetryPolicy& retry, ByteWriter* out);
RetryPolicy DecodeOldRetry(ByteReader* in);

}  // namespace treadle
