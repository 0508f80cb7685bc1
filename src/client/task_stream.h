// TaskStream: takes tasks without letting their producers wait, and sends them in their order, as
// many in a request as have come meanwhile.
//
// A thread of its own, which begins with the first task, sends and calls back. Any thread may call.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "base/thread_annotations.h"
#include "client/send_apart.h"

namespace treadle {

class TaskStream {
 public:
  using Done = std::function<void(Result<Enqueued>)>;

  explicit TaskStream(SendTasks send) : send_(std::move(send)) {}
  /// Flush(). No other call may be in progress.
  ~TaskStream();
  TaskStream(const TaskStream&) = delete;
  TaskStream& operator=(const TaskStream&) = delete;

  /// Waits only while kTasksMax tasks or kBytesMax bytes have no answer yet. `done` is called by
  /// the stream's thread; it must not wait for the stream.
  void Enqueue(EncodedTask task, Done done);
  /// Returns when the `done` of every task that was given before has returned.
  void Flush();

  static constexpr size_t kTasksMax = 10'000;
  static constexpr size_t kBytesMax = size_t{16} << 20;

 private:
  struct Pending {
    EncodedTask task;
    Done done;
  };
  using Group = std::vector<Pending>;

  void Run();
  /// The next tasks to send; none at the end.
  Group Next();
  void Answer(Group group);

  const SendTasks send_;
  Mutex mutex_;
  Condition more_;      // a task waits, or the end has come
  Condition answered_;  // fewer tasks are in flight
  std::deque<Pending> waiting_ TREADLE_GUARDED_BY(mutex_);
  size_t tasks_ TREADLE_GUARDED_BY(mutex_) = 0;  // without an answer
  size_t bytes_ TREADLE_GUARDED_BY(mutex_) = 0;  // of them
  uint64_t given_ TREADLE_GUARDED_BY(mutex_) = 0;
  uint64_t done_ TREADLE_GUARDED_BY(mutex_) = 0;
  bool sleeps_ TREADLE_GUARDED_BY(mutex_) = false;  // the thread waits for more_
  bool closed_ TREADLE_GUARDED_BY(mutex_) = false;
  std::thread thread_ TREADLE_GUARDED_BY(mutex_);
};

}  // namespace treadle
