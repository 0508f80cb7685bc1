// The form of a TaskTrail within the effect TaskIsNow. Format: docs/formats/effects.md.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "model/trail.h"

namespace treadle {

/// An attempt's error is not written: it is that of the effect.
void EncodeTrail(const TaskTrail& trail, ByteWriter* out);
/// `error` is that of the effect, or null. Fails the reader if it cannot be read.
std::shared_ptr<const TaskTrail> DecodeTrail(const std::shared_ptr<const TaskError>& error,
                                             ByteReader* in);

}  // namespace treadle
