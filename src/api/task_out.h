// Tasks as those who ask see them.
#pragma once

#include "api/json_out.h"
#include "engine/commands.h"

namespace treadle::api {

enum class TaskDetail {
  kListed,  // no payload is at hand; the result's size if it was read
  kListedWithResult,
  kWhole,  // by id: also the payload's size and digest, and the result
};

void WriteTask(const TaskView& view, TaskDetail detail, JsonOut* out);

}  // namespace treadle::api
