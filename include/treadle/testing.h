// InProcess: runs a worker's handlers in a test, without a server, a thread or a wait.
//
//   treadle::Worker worker;
//   RegisterHandlers(worker);
//   treadle::testing::InProcess queue(&worker);
//   const auto ended = queue.Run({.type = "hello", .payload = R"({"name":"Ada"})"});
//   EXPECT_EQ(ended.state, "completed");
//
// Middleware, conversion, deadlines and limits work as in production. The server is simulated as
// docs/sdk-cpp.md describes: attempts, retries and snoozes without pauses, idempotency keys. Tasks
// that a handler enqueues with its context wait in the same queue until RunAll(). Use it from one
// thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "treadle/status.h"
#include "treadle/task.h"
#include "treadle/worker.h"

namespace treadle::testing {

class InProcess {
 public:
  /// `worker` is borrowed, and must not be running.
  explicit InProcess(Worker* worker);
  ~InProcess();

  /// INVALID_ARGUMENT: there is no type, or the payload is not JSON although its content type is.
  Result<Enqueued> Enqueue(const TaskRequest& task);
  /// Runs waiting tasks, and those that handlers enqueue meanwhile, until none is left that the
  /// worker has a handler for. Tasks of other types stay "ready". Returns the number of attempts.
  /// Stops after `limit` of them, in case a task releases itself forever.
  size_t RunAll(size_t limit = 10'000);
  /// Enqueue() and RunAll(): the task as it ended. A refused request ends the program.
  TaskInfo Run(const TaskRequest& task);

  /// NOT_FOUND if there is no such task.
  Result<TaskInfo> Get(const std::string& id) const;
  /// All tasks so far, in order.
  std::vector<TaskInfo> tasks() const;
  /// What handlers logged.
  const std::vector<std::string>& log() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace treadle::testing
