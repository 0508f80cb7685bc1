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
  Ask<TaskStanding>(
      [command = std::move(command)](Engine& engine, const Loaded* loaded) {
        return engine.Do(command, Find(loaded, command.id), loaded != nullptr);
      },
      std::move(done));
}

void Shard::Explain(TaskId id, Callback<Explanation> done) {
  if (failed_) return;
  Ask<Explanation>(
      [this, id](Engine& engine, const Loaded* loaded) -> Outcome<Explanation> {
        Outcome<TaskReasons> found = engine.Explain(id, Find(loaded, id), loaded != nullptr);
        if (!found.needs.empty()) return Outcome<Explanation>::Need(std::move(found.needs));
        if (!found.reply.ok()) return found.reply.status();
        return WithWorkers(*std::move(found.reply));
      },
      std::move(done));
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

const TaskRecord* Shard::Find(const Loaded* loaded, TaskId id) {
  if (loaded == nullptr) return nullptr;
  const auto it = loaded->find(id);
  return it == loaded->end() ? nullptr : &it->second;
}

}  // namespace treadle
