#include "shard/task_loader.h"

#include <utility>

#include "base/check.h"

namespace treadle {

void TaskLoader::Load(std::vector<TaskId> tasks, Then then) {
  auto job = std::make_shared<Job>();
  job->tasks = std::move(tasks);
  job->then.push_back(std::move(then));
  Read(job);
}

void TaskLoader::LoadLane(std::vector<TaskId> tasks, Then then) {
  TREADLE_CHECK(!tasks.empty());
  const TaskId front = tasks.front();
  if (const auto it = lane_loads_.find(front); it != lane_loads_.end())
    return it->second->then.push_back(std::move(then));
  auto job = std::make_shared<Job>();
  lane_loads_.emplace(front, job);
  job->tasks = std::move(tasks);
  job->then.push_back([this, front](const Loaded&) { lane_loads_.erase(front); });
  job->then.push_back(std::move(then));
  Read(job);
}

void TaskLoader::Read(const std::shared_ptr<Job>& job) {
  TREADLE_CHECK(!job->tasks.empty() && !job->then.empty());
  std::vector<TaskPlace> places;
  places.reserve(job->tasks.size());
  for (const TaskId id : job->tasks) {
    const TaskSlot* task = shard_->engine().Peek(id);
    places.push_back(task == nullptr ? TaskPlace{.id = id} : TaskPlace::Of(task->image()));
  }
  reader_->Post([this, job, places = std::move(places), stored = shard_->stored_frame()] {
    auto records = store_->Load(places);
    shard_->After(0, [this, job, stored, records = std::move(records)]() mutable {
      OnRead(job, stored, std::move(records));
    });
  });
}

// `stored`: the frame that the store had reached, at least, when it was read.
void TaskLoader::OnRead(const std::shared_ptr<Job>& job, uint64_t stored,
                        Result<std::vector<TaskRecord>> records) {
  if (!records.ok()) return shard_->Fail(records.status());
  for (TaskRecord& record : *records)
    job->loaded.insert_or_assign(record.image.id, std::move(record));
  std::vector<TaskId> stale;
  for (const TaskId id : std::exchange(job->tasks, {})) {
    const auto it = job->loaded.find(id);
    const TaskRecord* record = it == job->loaded.end() ? nullptr : &it->second;
    IsStale(id, record, stored) ? stale.push_back(id) : TakeIn(id, record);
  }
  job->tasks = std::move(stale);
  if (!job->tasks.empty()) return Read(job);
  for (const Then& then : std::exchange(job->then, {})) then(job->loaded);
}

// A task that was changed, stored and forgotten since the store was read is older in our hands.
bool TaskLoader::IsStale(TaskId id, const TaskRecord* record, uint64_t stored) const {
  TREADLE_CHECK(stored <= shard_->stored_frame());  // it only advances
  if (stored == shard_->stored_frame()) return false;
  if (const TaskSlot* task = shard_->engine().Peek(id))
    return !task->HasBody() && task->changed_in > stored;
  return record == nullptr || !IsTerminal(record->image.state);  // it may have ended by now
}

void TaskLoader::TakeIn(TaskId id, const TaskRecord* record) {
  Engine& engine = shard_->Open();
  const TaskSlot* task = engine.Peek(id);
  if (task == nullptr || task->HasBody() || IsTerminal(task->state)) return;
  if (record != nullptr && record->body != nullptr) return engine.mutable_state()->Supply(*record);
  log_("task " + id.ToString() + " is damaged in the store and is now dead");
  engine.Bury(id, {"payload_damaged", "its record in the store does not match its checksums"});
}

}  // namespace treadle
