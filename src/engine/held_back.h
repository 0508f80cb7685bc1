// HeldBack: the one worker that gets no more tasks until it is idle, because a task that runs apart
// has waited for long. Of many busy workers one becomes idle for it; the others continue, and so
// does this one after a minute, for another minute: a task that may kill workers must not keep all
// the others waiting. Memory only: after a restart nobody is held back. One thread.
#pragma once

#include <optional>
#include <set>
#include <utility>

#include "base/check.h"
#include "engine/queue.h"
#include "model/task.h"

namespace treadle {

class HeldBack {
 public:
  static constexpr int64_t kHeldMs = 60'000;
  static constexpr int64_t kFreeMs = 60'000;

  bool Holds(const LeaseHolder& worker, ShardTime now) const {
    return worker_ && *worker_ == worker && now < since_ + kHeldMs;
  }

  /// Holds `worker` back, unless another one is, or one was a moment ago. Whether it is now.
  bool TryHold(const LeaseHolder& worker, ShardTime now) {
    TREADLE_CHECK(!worker_ || now >= since_);
    if (worker_ && now < since_ + kHeldMs) return *worker_ == worker;
    if (worker_ && now < since_ + kHeldMs + kFreeMs) return false;
    worker_ = worker;
    since_ = now;
    return true;
  }

  /// The task that waited was leased.
  void Release() { worker_.reset(); }

  /// It would have had a task of this lane.
  void Miss(QueueId queue, TypeId type) { missed_.emplace(queue, type); }
  std::set<std::pair<QueueId, TypeId>> TakeMissed() { return std::exchange(missed_, {}); }

 private:
  std::optional<LeaseHolder> worker_;
  ShardTime since_;
  std::set<std::pair<QueueId, TypeId>> missed_;
};

}  // namespace treadle
