// Shard: notifies those who wait of news from the engine.

#include <map>
#include <utility>

#include "node/shard.h"

namespace treadle {

void Shard::WakeWaiters() {
  // Before anything is leased: a worker that gets the same task again hears that its old lease ended.
  WakeForLostLeases();
  WakeForCancelRequests();
  for (const Engine::ReadyLane& lane : engine_->TakeReadyLanes()) {
    // Each is asked once: one that must wait for a task that runs apart is parked again.
    size_t waiting = waiters_.WaitingFor(lane.queue, lane.type);
    for (; waiting > 0 && engine_->HasReady(lane); --waiting) {
      const Waiters::Job job = waiters_.TakeByLane(lane.queue, lane.type);
      if (job == nullptr) break;
      StepExchange(job, {});
    }
  }
  for (const TaskId task : engine_->TakeEnded())
    for (const auto& wake : waiters_.TakeWatchers(task)) wake();
}

void Shard::WakeForLostLeases() {
  std::map<LeaseHolder, std::vector<Token>> lost;
  for (HeldLease& lease : engine_->TakeLostLeases()) {
    ++stats_.leases_lost;
    lost[std::move(lease.holder)].push_back(lease.token);
  }
  for (auto& [holder, tokens] : lost) {
    const Waiters::Job job = waiters_.TakeByHolder(holder);
    if (job == nullptr) continue;  // it will hear when it renews
    job->reply.lost.insert(job->reply.lost.end(), tokens.begin(), tokens.end());
    FinishExchange(job);
  }
}

// A worker whose exchange is parked hears at once; any other, by its next.
void Shard::WakeForCancelRequests() {
  for (const HeldLease& lease : engine_->TakeCancelRequests())
    if (const Waiters::Job job = waiters_.TakeByHolder(lease.holder)) FinishExchange(job);
}

}  // namespace treadle
