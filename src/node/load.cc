// Shard: tasks that are not in memory, and lists. The reader lane reads the store; the shard goes
// on meanwhile.

#include <utility>

#include "node/shard.h"

namespace treadle {

void Shard::Load(std::vector<TaskId> tasks, Then then) {
  auto job = std::make_shared<LoadJob>();
  job->tasks = std::move(tasks);
  job->then.push_back(std::move(then));
  Read(job);
}

// Workers that wait for the same lane need the same tasks: one load serves all of them.
void Shard::LoadLane(std::vector<TaskId> tasks, Then then) {
  const TaskId front = tasks.front();
  if (const auto it = lane_loads_.find(front); it != lane_loads_.end())
    return it->second->then.push_back(std::move(then));
  auto job = std::make_shared<LoadJob>();
  lane_loads_.emplace(front, job);
  job->tasks = std::move(tasks);
  job->then.push_back([this, front](const Loaded&) { lane_loads_.erase(front); });
  job->then.push_back(std::move(then));
  Read(job);
}

void Shard::Read(const std::shared_ptr<LoadJob>& job) {
  std::vector<TaskPlace> places;
  places.reserve(job->tasks.size());
  for (const TaskId id : job->tasks) {
    const TaskSlot* task = engine_->Peek(id);
    places.push_back(task == nullptr ? TaskPlace{.id = id} : TaskPlace::Of(task->image()));
  }
  env_.reader->Post([this, job, places = std::move(places), stored = stored_frame_] {
    auto records = storage_->store->Load(places);
    env_.shard->Post([this, job, stored, records = std::move(records)]() mutable {
      OnRead(job, stored, std::move(records));
    });
  });
}

// `stored`: the frame that the store had reached, at least, when it was read.
void Shard::OnRead(const std::shared_ptr<LoadJob>& job, uint64_t stored,
                   Result<std::vector<TaskRecord>> records) {
  if (failed_) return;
  if (!records.ok()) return Fail(records.status());
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
bool Shard::IsStale(TaskId id, const TaskRecord* record, uint64_t stored) const {
  if (stored == stored_frame_) return false;
  if (const TaskSlot* task = engine_->Peek(id))
    return !task->HasBody() && task->changed_in > stored;
  return record == nullptr || !IsTerminal(record->image.state);  // it may have ended by now
}

void Shard::TakeIn(TaskId id, const TaskRecord* record) {
  Engine& engine = Open();
  const TaskSlot* task = engine.Peek(id);
  if (task == nullptr || task->HasBody() || IsTerminal(task->state)) return;
  if (record != nullptr && record->body != nullptr) return engine.mutable_state()->Supply(*record);
  env_.log("task " + id.ToString() + " is damaged in the store and is now dead");
  engine.Bury(id, {"payload_damaged", "its record in the store does not match its checksums"});
}

void Shard::List(TaskQuery query, Callback<ListReply> done, int64_t wait_ms) {
  if (failed_) return;
  WhenStored(wait_ms, [this, query = std::move(query), done = std::move(done)](bool) {
    ReadList(query, done);
  });
}

void Shard::WhenStored(int64_t wait_ms, std::function<void(bool)> run) {
  const uint64_t wanted = next_frame_ - (effects_.empty() ? 1 : 0);
  if (stored_frame_ >= wanted || wait_ms == 0) return run(stored_frame_ >= wanted);
  auto once = std::make_shared<std::function<void(bool)>>(std::move(run));
  wait_for_store_.push_back({wanted, once});
  Checkpoint();
  env_.shard->PostAfter(wait_ms, [once] {
    if (const auto late = std::exchange(*once, nullptr)) late(false);
  });
}

void Shard::ReadList(TaskQuery query, Callback<ListReply> done) {
  const bool is_current = stored_frame_ + 1 == next_frame_ && effects_.empty();
  const WallTime as_of = is_current ? env_.clock->Wall() : stored_as_of_;
  env_.reader->Post([this, query = std::move(query), done = std::move(done), as_of]() mutable {
    auto page = storage_->store->List(query);
    env_.shard->Post([this, page = std::move(page), done = std::move(done), as_of]() mutable {
      if (failed_) return;
      // What the store holds is durable: nothing to wait for.
      if (!page.ok()) return done(page.status());
      const BatchTime now = Now();
      for (TaskView& view : page->tasks) view.run_at = RunAt(view.task.image, now);
      done(ListReply{std::move(*page), as_of});
    });
  });
}

}  // namespace treadle
