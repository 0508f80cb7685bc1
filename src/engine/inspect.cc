// Questions about tasks and queues. They change nothing.

#include "engine/engine.h"

namespace treadle {
namespace {

QueueView ViewOf(const Queue& queue) {
  QueueView view{queue.name, queue.policy, queue.counters, queue.live};
  const CountersAreNow& counters = queue.counters;
  view.tasks[static_cast<size_t>(TaskState::kCompleted)] =
      counters.completed_next - counters.completed_from;
  view.tasks[static_cast<size_t>(TaskState::kDead)] = counters.dead_next - counters.dead_from;
  return view;
}

}  // namespace

Outcome<TaskView> Engine::Get(TaskId id, const TaskRecord* loaded, bool was_loaded) const {
  const Status missing(Code::kNotFound,
                       "there is no task " + id.ToString() + ", or it is no longer kept");
  if (id.shard() != state_.shard() || id >= state_.next_task()) return missing;
  const TaskSlot* task = state_.Find(id);
  if (!was_loaded && (task == nullptr || !task->HasBody())) return Outcome<TaskView>::Need({id});

  TaskRecord record;
  if (loaded != nullptr) record = *loaded;
  if (task != nullptr) {
    record.image = task->image;
    record.holder.reset();
    if (task->image.state == TaskState::kRunning) record.holder = state_.HolderOf(*task);
    if (task->parts != nullptr) {
      if (task->parts->body) record.body = task->parts->body;
      if (task->parts->error) record.error = task->parts->error;
      if (task->parts->result) record.result = task->parts->result;
    }
  } else {
    // Whatever is not in memory has ended, and may have been let go of since the store was written.
    if (loaded == nullptr || !IsTerminal(record.image.state)) return missing;
    const CountersAreNow& counters = state_.queue(record.image.queue).counters;
    const bool completed = record.image.state == TaskState::kCompleted;
    if (record.image.ordinal < (completed ? counters.completed_from : counters.dead_from))
      return missing;
  }
  if (record.body == nullptr)
    return Status(Code::kDataLoss, "the payload of task " + id.ToString() + " is not in the store");
  TaskView view{record, state_.queue(record.image.queue).name, state_.type_name(record.image.type)};
  if (record.image.state == TaskState::kRetrying)
    view.next_attempt_at = time_.wall + (ShardTime{record.image.when_ms} - state_.now());
  return view;
}

Result<QueueView> Engine::GetQueue(std::string_view name) const {
  const Queue* queue = state_.FindQueue(name);
  if (queue == nullptr)
    return Status(Code::kNotFound,
                  "there is no queue " + std::string(name) + " (one appears with its first task)");
  return ViewOf(*queue);
}

std::vector<QueueView> Engine::Queues() const {
  std::vector<QueueView> views;
  for (QueueId id = 1; id <= state_.queues(); ++id) {
    views.push_back(ViewOf(state_.queue(id)));
  }
  return views;
}

}  // namespace treadle
