// Pool: some queues, the handlers of some types, threads for them, and their conversation with a
// server. A Worker (include/treadle/worker.h) has one or several, each with an incarnation of its
// own.
//
//   auto pool = Pool::Make({.queues = {"default"}});
//   (*pool)->Handle("hello", [](const Task& task, Context&) { return Completed{task.payload}; });
//   Status status = (*pool)->Run();  // until Stop()
//
// Make, Handle and Run: one thread. Stop: any thread, and signal handlers.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/thread_annotations.h"
#include "client/connection.h"
#include "worker/attempt_sender.h"
#include "worker/exchanger.h"
#include "worker/handler.h"
#include "worker/handler_pool.h"
#include "worker/task_runner.h"

namespace treadle::worker {

struct PoolSettings {
  ConnectionOptions client;
  std::string name;   // shows in task views; empty: HOST-PID
  std::string build;  // of the program, shows in histories; empty: none
  std::vector<std::string> queues = {"default"};
  size_t concurrency = 10;             // 1..1000
  int64_t shutdown_grace_ms = 25'000;  // how long Stop() lets running tasks finish
  int64_t cancel_wait_ms = 7'000;      // then: how long cancelled handlers may take to return
  int64_t poll_wait_ms = 30'000;       // 0..60000
  bool ahead = false;                  // asks for more than can run at once while tasks are short
  int64_t goodbye_ms = 2'000;          // how long the server may take to hear that this one ends
  LogFn log;                           // empty: standard error, "treadle worker: …"
  LogFn task_line;                     // one line for each task that ended; empty: none
  std::function<Result<Enqueued>(const TaskRequest&)> enqueue;  // lent to handlers; may be empty
};

/// "treadle worker: LINE", on standard error.
void LogToStandardError(std::string_view line);

/// HOST-PID.
std::string DefaultWorkerName();

class Pool {
 public:
  /// INVALID_ARGUMENT names the option. Does not connect yet.
  static Result<std::unique_ptr<Pool>> Make(PoolSettings options);
  ~Pool();

  /// `handler` runs the tasks of `type`. At least one before Run(), which may be called once.
  void Handle(std::string type, Handler handler,
              std::chrono::milliseconds timeout = std::chrono::minutes(30));

  /// Works until Stop(), and then winds down: takes nothing new, lets what runs finish within the
  /// grace, cancels the rest and returns it unspent, and delivers all reports. Returns when every
  /// handler has returned: OK after Stop(); FAILED_PRECONDITION with its reason if a handler
  /// stopped the worker; UNAVAILABLE if reports could not be delivered (those tasks run again); or
  /// what the server refuses this worker with (UNAUTHENTICATED …).
  Status Run();
  /// Instead of Run(): has the server know why no task can be run here, for people who ask it. A
  /// server that does not answer is not waited for longer than `goodbye_ms`.
  void Decline(const std::string& reason);

  /// Begins the end of Run(); called again it ends the grace, and then the wait for cancelled
  /// handlers. Async-signal-safe.
  void Stop() noexcept;
  /// As if Stop() had been called so often in all. Async-signal-safe.
  void StopTimes(int times) noexcept;

 private:
  using Clock = std::chrono::steady_clock;

  Pool(PoolSettings options, int wake_fd);

  Status MakeExchanger();
  void StopBecause(std::string reason);
  std::string stop_reason();
  bool MustStop();
  void WindDown();
  /// Logs what is waited for; nothing if there is nothing.
  void SayWhatIsWaitedFor();
  /// False if `limit_ms` passed, or Stop() was called for the `stops`-th time, before all was done
  /// and delivered.
  bool WaitIdle(int64_t limit_ms, int stops);
  void Wake() noexcept;
  void WaitForWake(int timeout_ms);

  const PoolSettings options_;
  const int wake_fd_;  // an eventfd, written to whenever Run() has something to look at
  std::atomic<int> stops_ = 0;
  Mutex mutex_;
  std::string stop_reason_ TREADLE_GUARDED_BY(mutex_);  // given by a handler; empty: none
  AttemptSender sender_;
  TaskRunner runner_;
  HandlerPool pool_;
  std::unique_ptr<Exchanger> exchanger_;
};

}  // namespace treadle::worker
