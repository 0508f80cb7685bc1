// Tasks as producers send them. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "json/reader.h"
#include "model/task.h"

namespace treadle::api {

/// What the headers of a request say about its task. Borrowed from the request.
struct TaskHeaders {
  std::string_view key = {};     // Idempotency-Key; empty: none
  Traceparent traceparent = {};  // of tasks that have none of their own
};

/// The task of POST /v1/tasks. INVALID_ARGUMENT names the field; the bounds of model/limits.h are
/// not checked yet.
Result<NewTask> ReadTask(std::string* body, const TaskHeaders& headers);

/// What a person changes about a task; at least one field.
Result<TaskEdit> ReadTaskEdit(std::string* body);
Result<TaskEdit> ReadTaskEdit(JsonValue value);
/// The tasks of POST /v1/tasks/batch. `traceparent` is that of the request.
Result<std::vector<NewTask>> ReadBatch(std::string* body, const Traceparent& traceparent);

}  // namespace treadle::api
