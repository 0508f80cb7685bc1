// RequestSharer: lets threads that enqueue at the same time share one request.
//
// There is no thread of its own: a caller whose turn it is sends for all that wait, and then wakes
// them, each by a condition variable of its own. A caller sends at once when nothing is in flight;
// else it waits for that to return, at most `linger`. Any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "base/status.h"
#include "base/thread_annotations.h"
#include "client/send_apart.h"

namespace treadle {

class RequestSharer {
 public:
  /// `linger` of 0 sends each task in a request of its own.
  RequestSharer(std::chrono::microseconds linger, SendTasks send)
      : linger_(linger), send_(std::move(send)) {}

  /// What became of this very task, whatever became of others in the same request (SendApart()).
  Result<Enqueued> Enqueue(const EncodedTask& task);

 private:
  struct Waiting {
    const EncodedTask* task;
    Condition wake;
    std::optional<Result<Enqueued>> answer;
    bool taken = false;  // by a caller that sends it
  };
  using Group = std::vector<Waiting*>;

  Group TakeGroup(Waiting* mine) TREADLE_REQUIRES(mutex_);
  std::vector<Result<Enqueued>> SendGroup(const Group& group) const;

  const std::chrono::microseconds linger_;
  const SendTasks send_;
  Mutex mutex_;
  std::deque<Waiting*> waiting_
      TREADLE_GUARDED_BY(mutex_);  // not taken yet; on their callers' stacks
  size_t under_way_ TREADLE_GUARDED_BY(mutex_) = 0;
};

}  // namespace treadle
