// Shard: queues and task types, and what workers have to do with them.

#include <utility>

#include "node/shard.h"

namespace treadle {
namespace {

constexpr size_t kQueuesPerTurn = 2'000;  // well below a millisecond

}  // namespace

void Shard::Queues(QueueId after, size_t limit, Callback<ListPart<QueueView>> done) {
  if (failed_) return;
  ListPart<QueueView> part = Open().Queues(after, limit);
  desk_.NoteWorkers(part.views);
  Answer<ListPart<QueueView>>(std::move(done), std::move(part));
}

// Between its turns others have theirs.
void Shard::SummarizeQueues(size_t listed_max, Callback<QueueSummary> done) {
  auto summary = std::make_shared<QueueSummary>();
  summary->listed_max = listed_max;
  SummarizeMore(std::move(summary), std::move(done));
}

void Shard::SummarizeMore(std::shared_ptr<QueueSummary> summary, Callback<QueueSummary> done) {
  if (failed_) return;
  if (!engine_->Summarize(kQueuesPerTurn, summary.get())) return done(std::move(*summary));
  env_.shard->Post([this, summary = std::move(summary), done = std::move(done)]() mutable {
    SummarizeMore(std::move(summary), std::move(done));
  });
}

Result<QueueView> Shard::WithWorkers(Result<QueueView> view) const {
  if (view.ok()) desk_.NoteWorkers({&*view, 1});
  return view;
}

void Shard::GetQueue(const std::string& name, Callback<QueueView> done) {
  if (failed_) return;
  Answer<QueueView>(std::move(done), WithWorkers(Open().GetQueue(name)));
}

void Shard::Configure(const std::string& name, const std::function<Status(QueuePolicy*)>& edit,
                      Callback<QueueView> done) {
  if (failed_) return;
  Engine& engine = Open();
  const Result<QueueView> now = engine.GetQueue(name);
  QueuePolicy policy = now.ok() ? now->policy : QueuePolicy{};
  const Status edited = edit(&policy);
  Result<QueueView> view = edited.ok() ? engine.Configure(name, policy) : edited;
  if (view.ok()) view->created = !now.ok();
  Answer<QueueView>(std::move(done), WithWorkers(std::move(view)));
}

void Shard::DeleteType(const std::string& name, Callback<TypeView> done) {
  if (failed_) return;
  Answer<TypeView>(std::move(done), Open().DeleteType(name));
}

void Shard::DeleteQueue(const std::string& name, Callback<QueueView> done) {
  if (failed_) return;
  Answer<QueueView>(std::move(done), Open().DeleteQueue(name));
}

void Shard::Types(TypeId after, size_t limit, Callback<ListPart<TypeView>> done) {
  if (failed_) return;
  Answer<ListPart<TypeView>>(std::move(done), Open().Types(after, limit));
}

void Shard::GetType(const std::string& name, Callback<TypeView> done) {
  if (failed_) return;
  Answer<TypeView>(std::move(done), Open().GetType(name));
}

void Shard::ConfigureType(const std::string& name, const std::function<Status(TypePolicy*)>& edit,
                          Callback<TypeView> done) {
  if (failed_) return;
  Engine& engine = Open();
  const Result<TypeView> now = engine.GetType(name);
  TypePolicy policy = now.ok() ? now->policy : TypePolicy{};
  const Status edited = edit(&policy);
  Result<TypeView> view = edited.ok() ? engine.ConfigureType(name, policy) : edited;
  if (view.ok()) view->created = !now.ok();
  Answer<TypeView>(std::move(done), std::move(view));
}

void Shard::Contracts(const std::vector<TaskId>& tasks,
                      const std::function<void(std::vector<std::optional<ContractName>>)>& done) {
  if (failed_) return;
  std::vector<std::optional<ContractName>> names;
  for (const TaskId id : tasks) names.push_back(engine_->ContractOf(id));
  done(std::move(names));
}

void Shard::Pause(const std::string& name, bool paused, Callback<QueueView> done) {
  if (failed_) return;
  Engine& engine = Open();
  Result<QueueView> queue = engine.GetQueue(name);
  if (queue.ok() && queue->policy.paused != paused) {
    queue->policy.paused = paused;
    queue = engine.Configure(name, queue->policy);
  }
  Answer<QueueView>(std::move(done), WithWorkers(std::move(queue)));
}

}  // namespace treadle
