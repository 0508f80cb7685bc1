// Tasks as producers send them. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "json/reader.h"
#include "model/task.h"

namespace treadle::api {

/// The task of POST /v1/tasks. `header_key` is the Idempotency-Key header, empty if there is none.
/// INVALID_ARGUMENT names the field; the bounds of model/limits.h are not checked yet.
Result<NewTask> ReadTask(std::string* body, std::string_view header_key);

/// What a person changes about a task; at least one field.
Result<TaskEdit> ReadTaskEdit(std::string* body);
Result<TaskEdit> ReadTaskEdit(JsonValue value);
/// The tasks of POST /v1/tasks/batch.
Result<std::vector<NewTask>> ReadBatch(std::string* body);

}  // namespace treadle::api
