// Shard: tasks that are not in memory, and lists. The reader lane reads the store; the shard goes
// on meanwhile.

#include <utility>

#include "node/shard.h"

namespace treadle {
namespace {

constexpr int64_t kListWaitMs = 200;

}  // namespace

void Shard::Load(const std::vector<TaskId>& tasks, Then then) {
  std::vector<TaskPlace> places;
  places.reserve(tasks.size());
  for (const TaskId id : tasks) {
    const TaskSlot* task = engine_->Peek(id);
    places.push_back(task == nullptr ? TaskPlace{.id = id} : TaskPlace::Of(task->image));
  }
  env_.reader->Post([this, tasks, places = std::move(places), then = std::move(then),
                     stored = stored_frame_]() mutable {
    auto records = storage_->store->Load(places);
    env_.shard->Post([this, tasks = std::move(tasks), stored, records = std::move(records),
                      then = std::move(then)]() mutable {
      OnLoaded(tasks, stored, std::move(records), std::move(then));
    });
  });
}

void Shard::OnLoaded(const std::vector<TaskId>& tasks, uint64_t stored_frame,
                     Result<std::vector<TaskRecord>> records, Then then) {
  if (failed_) return;
  if (!records.ok()) return Fail(records.status());
  // A task that was changed, stored and forgotten since would be older in our hands than in the
  // store.
  if (stored_frame != stored_frame_) return Load(tasks, std::move(then));
  Loaded loaded;
  for (TaskRecord& record : *records) loaded.emplace(record.image.id, std::move(record));
  Engine& engine = Open();
  for (const TaskId id : tasks) {
    const TaskSlot* task = engine.Peek(id);
    if (task == nullptr || task->HasBody() || IsTerminal(task->image.state)) continue;
    const auto it = loaded.find(id);
    if (it != loaded.end() && it->second.body != nullptr) {
      engine.mutable_state()->Supply(it->second);
    } else {
      env_.log("the payload of task " + id.ToString() + " is damaged in the store: it goes dead");
      engine.Bury(id, {"payload_damaged", "the payload in the store does not match its SHA-256"});
    }
  }
  then(loaded);
}

void Shard::List(TaskQuery query, Callback<ListReply> done) {
  if (failed_) return;
  const uint64_t wanted = next_frame_ - (batch_open_ ? 0 : 1);
  auto read = std::make_shared<std::function<void()>>(
      [this, query = std::move(query), done = std::move(done)] { ReadList(query, done); });
  if (stored_frame_ >= wanted) return (*read)();
  lists_.push_back({wanted, read});
  Checkpoint();
  env_.shard->PostAfter(kListWaitMs, [read] {
    if (const auto run = std::exchange(*read, nullptr)) run();
  });
}

void Shard::ReadList(TaskQuery query, Callback<ListReply> done) {
  const bool is_current = stored_frame_ + 1 == next_frame_ && !batch_open_;
  const WallTime as_of = is_current ? env_.clock->Wall() : stored_as_of_;
  env_.reader->Post([this, query = std::move(query), done = std::move(done), as_of]() mutable {
    auto page = storage_->store->List(query);
    env_.shard->Post([this, page = std::move(page), done = std::move(done), as_of]() mutable {
      if (failed_) return;
      // What the store holds is durable: nothing to wait for.
      if (!page.ok()) return done(page.status());
      done(ListReply{std::move(*page), as_of});
    });
  });
}

}  // namespace treadle
