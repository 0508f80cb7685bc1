// Tasks as those who ask see them.
#pragma once

#include "engine/commands.h"
#include "json/writer.h"

namespace treadle::api {

enum class TaskDetail {
  kListed,  // no payload is in memory; the result's size if it was read
  kListedWithResult,
  kWhole,  // by id: also the payload's size and digest, and the result
};

/// Fields `steps` and `checkpoint` of an open object, as far as there are some. Without what they
/// hold if it `is_hidden`.
void WriteSaved(const TaskSaved& saved, bool is_hidden, JsonWriter* out);

void WriteTask(const TaskView& view, TaskDetail detail, JsonWriter* out);

}  // namespace treadle::api
