// RequestSharer: lets threads that enqueue at the same time share one request.
//
// There is no thread of its own: a caller whose turn it is sends for all that wait, and then wakes
// them, each by a condition variable of its own. A caller sends at once when nothing is under way;
// else it waits for that to return, at most `linger`. Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/thread_annotations.h"
#include "treadle/task.h"

namespace treadle {

/// A task, encoded for the wire.
struct EncodedTask {
  std::string json;
  bool has_key = false;  // an idempotency key: it may be sent twice
};

class RequestSharer {
 public:
  using Answers = Result<std::vector<Enqueued>>;
  /// Sends 1 to 1,000 tasks, all or none. Any thread.
  using Send = std::function<Answers(const std::vector<const EncodedTask*>&)>;

  /// `linger` of 0 sends each task in a request of its own.
  RequestSharer(std::chrono::microseconds linger, Send send)
      : linger_(linger), send_(std::move(send)) {}

  /// What became of this very task: when a shared request is refused, its halves are sent apart,
  /// until the task that is to blame stands alone.
  Result<Enqueued> Enqueue(const EncodedTask& task);

 private:
  struct Waiting {
    const EncodedTask* task;
    std::condition_variable_any wake;
    std::optional<Result<Enqueued>> answer;
    bool taken = false;  // by a caller that sends it
  };
  using Group = std::vector<Waiting*>;

  Group TakeGroup(Waiting* mine) TREADLE_REQUIRES(mutex_);
  void SendGroup(const Group& group, size_t begin, size_t end,
                 std::vector<Result<Enqueued>>* answers) const;

  const std::chrono::microseconds linger_;
  const Send send_;
  Mutex mutex_;
  std::deque<Waiting*> waiting_
      TREADLE_GUARDED_BY(mutex_);  // not taken yet; on their callers' stacks
  size_t under_way_ TREADLE_GUARDED_BY(mutex_) = 0;
};

}  // namespace treadle
