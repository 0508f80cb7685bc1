// Shard: what people ask of single tasks.

#include <algorithm>
#include <utility>

#include "node/shard.h"

namespace treadle {
namespace {

constexpr int64_t kBetweenExchangesMs = 1'000;  // from an answer to a worker's next exchange

}  // namespace

void Shard::Do(TaskCommand command, Callback<TaskStanding> done) {
  if (failed_) return;
  Outcome<TaskStanding> outcome = Open().Do(command, nullptr, false);
  if (outcome.needs.empty()) return Answer<TaskStanding>(std::move(done), std::move(outcome.reply));
  Load(outcome.needs,
       [this, command = std::move(command), done = std::move(done)](const Loaded& loaded) {
         Answer<TaskStanding>(done, Open().Do(command, Find(loaded, command.id), true).reply);
       });
}

void Shard::Explain(TaskId id, Callback<Explanation> done) {
  if (failed_) return;
  const auto answer = [this, done = std::move(done)](Outcome<TaskReasons> outcome) {
    if (!outcome.reply.ok()) return Answer<Explanation>(done, outcome.reply.status());
    Answer<Explanation>(done, WithWorkers(*std::move(outcome.reply)));
  };
  Outcome<TaskReasons> outcome = Open().Explain(id, nullptr, false);
  if (outcome.needs.empty()) return answer(std::move(outcome));
  Load(outcome.needs, [this, id, answer](const Loaded& loaded) {
    answer(Open().Explain(id, Find(loaded, id), true));
  });
}

// A worker has its hands full if it holds a lease. One that holds none and does not wait for a task
// either has gone, unless it was here a moment ago.
Explanation Shard::WithWorkers(TaskReasons reasons) const {
  Explanation explanation{.reasons = std::move(reasons)};
  const TaskView& view = explanation.reasons.view;
  const int64_t since = env_.clock->MonotonicMs() - kBetweenExchangesMs;
  for (const auto& [holder, session] : sessions_) {
    if (std::ranges::find(session.queues, view.queue) == session.queues.end() ||
        std::ranges::find(session.types, view.type) == session.types.end())
      continue;
    const bool waits = waiters_.Waits(holder, view.queue, view.type);
    const bool holds = engine_->state().LeasesOf(holder) != kNoSlot;
    const bool is_near = !holds && session.seen_ms >= since;
    explanation.workers += waits || holds || is_near;
    explanation.workers_free += (waits && engine_->MayTakeMore(holder)) || is_near;
  }
  explanation.enqueue_refused = space_->refuses();
  if (explanation.workers > 0) return explanation;
  if (const Departure* const last = departures_.LastFor(view.queue, view.type)) {
    explanation.departure = *last;
    explanation.departed_ms_ago = env_.clock->MonotonicMs() - last->at_ms;
  }
  return explanation;
}

const TaskRecord* Shard::Find(const Loaded& loaded, TaskId id) {
  const auto it = loaded.find(id);
  return it == loaded.end() ? nullptr : &it->second;
}

}  // namespace treadle
