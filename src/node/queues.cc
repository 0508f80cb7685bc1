// Shard: queues and task types, and what workers have to do with them.

#include <utility>

#include "node/shard.h"

namespace treadle {
namespace {

constexpr size_t kQueuesPerTurn = 2'000;  // well below a millisecond

}  // namespace

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

void Shard::Contracts(const std::vector<TaskId>& tasks,
                      const std::function<void(std::vector<std::optional<ContractName>>)>& done) {
  if (failed_) return;
  std::vector<std::optional<ContractName>> names;
  for (const TaskId id : tasks) names.push_back(engine_->ContractOf(id));
  done(std::move(names));
}

}  // namespace treadle
