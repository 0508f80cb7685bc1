// Shard: what running attempts save, and what attempts leave behind.
//
// The engine holds no history: it is read from the store, once that has what was acknowledged
// before.

#include <utility>

#include "node/shard.h"

namespace treadle {
namespace {

constexpr int64_t kHistoryWaitMs = 2'000;  // for the store, at most

struct Found {
  Result<TaskHistory> history;
  std::optional<LeaseHolder> holder;  // of the last attempt
};

Found ReadHistory(Store* store, TaskId id) {
  Found found{store->History(id), std::nullopt};
  if (!found.history.ok()) return found;
  Result<std::vector<TaskRecord>> record = store->Load({TaskPlace{.id = id}});
  if (!record.ok()) found.history = record.status();
  if (record.ok() && !record->empty()) found.holder = record->front().holder;
  return found;
}

}  // namespace

void Shard::Save(AttemptSave save, std::optional<Progress> progress,
                 Callback<AttemptStanding> done) {
  if (failed_) return;
  if (Status refusal = save.empty() ? Status() : RefuseSave(); !refusal.ok())
    return Answer<AttemptStanding>(std::move(done), std::move(refusal));
  Ask<AttemptStanding>(
      [this, save = std::move(save), progress = std::move(progress)](Engine& engine,
                                                                     const Loaded*) {
        Outcome<AttemptStanding> outcome = engine.Save(save);
        if (outcome.reply.ok() && progress) NoteProgress(save.token, *progress);
        return outcome;
      },
      std::move(done));
}

void Shard::NoteProgress(const Token& token, const Progress& progress) {
  progress_[token.task] = {token, progress};
  progress_[token.task].progress.at = env_.clock->Wall();
}

void Shard::AddProgress(TaskView* view) const {
  const auto it = progress_.find(view->task.image.id);
  if (it == progress_.end() || view->task.image.state != TaskState::kRunning) return;
  if (it->second.token == view->task.image.token()) view->progress = it->second.progress;
}

void Shard::ForgetProgress() {
  std::erase_if(progress_, [&](const auto& entry) {
    const TaskSlot* task = engine_->Peek(entry.first);
    return task == nullptr || task->state != TaskState::kRunning ||
           task->token() != entry.second.token;
  });
}

void Shard::History(TaskId id, Callback<HistoryReply> done) {
  Get(id, 0, [this, id, done = std::move(done)](Result<TaskView> view) {
    if (!view.ok()) return done(view.status());
    WhenStored(kHistoryWaitMs, [this, id, done, view = *std::move(view)](bool) {
      env_.reader->Post([this, id, done, view] {
        Found found = ReadHistory(storage_->store.get(), id);
        env_.shard->Post([this, done, view, found = std::move(found)]() mutable {
          if (failed_) return;
          if (!found.history.ok()) return done(found.history.status());
          HistoryReply reply{std::move(view), *std::move(found.history)};
          if (!reply.view.task.holder) reply.view.task.holder = std::move(found.holder);
          done(std::move(reply));
        });
      });
    });
  });
}

void Shard::Log(TaskId id, uint32_t attempt, Callback<LogReply> done) {
  Get(id, 0, [this, id, attempt, done = std::move(done)](const Result<TaskView>& view) {
    if (!view.ok()) return done(view.status());
    const uint32_t wanted = attempt != 0 ? attempt : view->task.image.attempt;
    WhenStored(kHistoryWaitMs, [this, id, wanted, done](bool) {
      env_.reader->Post([this, id, wanted, done] {
        Result<std::string> text = storage_->store->Log(id, wanted);
        env_.shard->Post([this, wanted, done, text = std::move(text)]() mutable {
          if (failed_) return;
          if (!text.ok()) return done(text.status());
          done(LogReply{wanted, *std::move(text)});
        });
      });
    });
  });
}

}  // namespace treadle
