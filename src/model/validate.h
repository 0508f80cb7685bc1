// What names and new tasks must look like. Pure. Every error is INVALID_ARGUMENT, names the field
// and names the fix.
#pragma once

#include <string_view>

#include "base/status.h"
#include "model/task.h"

namespace treadle {

/// 1..128 letters, digits, '_', '-' and '.', beginning with a letter or digit. For queues, types
/// and workers.
Status ValidateName(std::string_view field, std::string_view name);

/// Every bound of limits.h that a task to be enqueued must keep. `body` must be set.
Status Validate(const NewTask& task);
/// The same for what an edit sets.
Status Validate(const TaskEdit& edit);

/// Whether `text` is UTF-8 without control characters; for what is shown to people and kept in
/// headers.
bool IsPrintableUtf8(std::string_view text);

}  // namespace treadle
