// Worker: leases tasks of some types from a Treadle server, runs their handlers, and reports back.
//
//   #include <treadle/worker.h>
//
//   struct Greeting { std::string name; };
//   NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Greeting, name)
//
//   int main() {
//     treadle::Worker worker;
//     worker.Handle("hello", [](const Greeting& in) { return "Hello, " + in.name; });
//     return worker.RunUntilSignal();
//   }
//
// If the server is unreachable, restarted or killed, running handlers continue, and the worker
// sends their outcomes until the server accepts them. Handlers run at least once per task. Make,
// Handle, Use, AddPool and Run: one thread. Stop: any thread, and signal handlers.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "treadle/client.h"
#include "treadle/handler.h"
#include "treadle/status.h"

namespace treadle {

namespace testing {
class InProcess;
}

/// Queues with their own threads. Long tasks in a separate pool never delay short ones.
struct PoolOptions {
  std::string name = {};  // short; shows behind the worker's name: "host-123.long"
  std::vector<std::string> queues = {"default"};
  size_t concurrency = 10;  // tasks at the same time; 1..1000
};

struct WorkerOptions {
  ClientOptions client = {};
  std::string name = {};                             // shows in task views; empty: HOST-PID
  std::string build = {};                            // of the program: shows in task histories
  std::vector<std::string> queues = {"default"};     // of the pool without a name
  size_t concurrency = 10;                           // of the pool without a name; 1..1000
  std::chrono::milliseconds shutdown_grace{25'000};  // how long Stop() lets running tasks finish
  std::chrono::milliseconds cancel_wait{7'000};  // how long cancelled handlers may take to return
  LogFn log = {};                                // empty: standard error, "treadle worker: …"
  /// Turns off the line for each task that ends: "1-6 greet failed (exception: no such host),
  /// attempt 1 of 20, retrying in 222 ms". On standard error these lines have no prefix, and a line
  /// is dropped if the reader is too slow.
  bool quiet = false;
};

/// What becomes of a task that fails with this code.
struct ContractError {
  std::string code = {};
  std::string retry = "default";  // "default", "never" or "always"
  std::string description = {};
};

/// What producers and workers of a task type agree on (docs/contracts.md). An absent field means no
/// agreement.
struct Contract {
  int64_t version = 1;
  std::string description = {};
  std::string input_schema = {};   // JSON Schema, draft 7, of payloads
  std::string output_schema = {};  // of results
  std::vector<ContractError> error_codes = {};
  std::optional<int64_t> default_priority = {};
};

/// No time limit.
inline constexpr std::chrono::milliseconds kNoTimeout = std::chrono::milliseconds::max();

struct HandleOptions {
  std::string pool = {};  // of AddPool(); empty: the pool without a name
  /// After this time, or earlier if the server has a shorter limit, the attempt is cancelled. If
  /// the handler has not returned `cancel_wait` later, the worker reports the attempt as failed,
  /// with code "timeout". At least 1 ms.
  std::chrono::milliseconds timeout = kNoTimeout;
  /// Registered with the server before the worker asks for tasks. Task::contract_version is the one
  /// that a task fits. Run() returns INVALID_ARGUMENT if the server rejects one.
  std::vector<Contract> contracts = {};
};

class Worker {
 public:
  /// Does not connect yet. With bad options, Run() returns INVALID_ARGUMENT.
  explicit Worker(WorkerOptions options = {});
  /// Run() must have returned.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// `handler` (any shape of handler.h) runs the tasks of `type`. A type that no worker handles
  /// stays queued. If `handler` is empty, Run() returns INVALID_ARGUMENT. Before Run().
  template <class Fn>
  void Handle(std::string type, Fn handler, HandleOptions options = {}) {
    AddHandler(std::move(type), MakeHandler(std::move(handler)), std::move(options));
  }
  /// Before Run().
  void AddPool(PoolOptions options);
  /// Around every handler; the first one used is the outermost. Before Run().
  void Use(Middleware middleware);

  /// Works until Stop(). Then it takes no new tasks, lets running ones finish within the grace,
  /// cancels the rest (without counting the attempts), and delivers all reports. OK after Stop();
  /// FAILED_PRECONDITION with the reason if a handler stopped the worker; UNAVAILABLE if reports
  /// could not be delivered (those tasks run again); or the error with which the server refuses the
  /// worker (UNAUTHENTICATED …). Call it once.
  Status Run();
  /// Run() until SIGINT or SIGTERM (a second one ends the grace). The exit status of a program: 0,
  /// or 1 after a line on standard error that says why. One worker per process.
  int RunUntilSignal();

  /// Begins the end of Run(); called again it ends the grace, and then the wait for cancelled
  /// handlers. Async-signal-safe.
  void Stop() noexcept;

 private:
  friend class testing::InProcess;
  class Impl;
  void AddHandler(std::string type, Handler handler, HandleOptions options);
  std::unique_ptr<Impl> impl_;
};

}  // namespace treadle
