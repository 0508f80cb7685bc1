// TaskWatchers: callers who wait for a task to end. Memory only; on the shard's executor.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "base/ids.h"

namespace treadle {

class TaskWatchers {
 public:
  using Wake = std::function<void()>;

  /// `ticket` names the caller, for Take().
  void Watch(TaskId task, uint64_t ticket, Wake wake) {
    watchers_.emplace(std::pair(task, ticket), std::move(wake));
  }
  /// All who wait for this task.
  std::vector<Wake> TakeAllOf(TaskId task) {
    std::vector<Wake> wakes;
    auto it = watchers_.lower_bound({task, 0});
    while (it != watchers_.end() && it->first.first == task) {
      wakes.push_back(std::move(it->second));
      it = watchers_.erase(it);
    }
    return wakes;
  }
  /// Empty if that caller no longer waits.
  Wake Take(TaskId task, uint64_t ticket) {
    const auto it = watchers_.find({task, ticket});
    if (it == watchers_.end()) return nullptr;
    Wake wake = std::move(it->second);
    watchers_.erase(it);
    return wake;
  }
  std::vector<Wake> TakeAll() {
    std::vector<Wake> wakes;
    for (auto& [key, wake] : watchers_) wakes.push_back(std::move(wake));
    watchers_.clear();
    return wakes;
  }

 private:
  std::map<std::pair<TaskId, uint64_t>, Wake> watchers_;
};

}  // namespace treadle
