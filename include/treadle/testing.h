// InProcess: runs a worker's handlers in a test, without a server, a thread or a wait.
//
//   treadle::Worker worker;
//   RegisterHandlers(worker);
//   treadle::testing::InProcess queue(&worker);
//   const auto ended = queue.Run({.type = "hello", .payload = R"({"name":"Ada"})"});
//   EXPECT_EQ(ended.state, "completed");
//
// Middleware, conversion, timeouts' deadlines and limits are those of production; the server's part
// (attempts, retries and snoozes without their pauses, idempotency keys) is played as
// docs/sdk-cpp.md says. Tasks that a handler enqueues by its context wait in the same queue until
// RunAll(). One thread.
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

  /// INVALID_ARGUMENT: no type, or a payload that is not the JSON that it claims to be.
  Result<Enqueued> Enqueue(const TaskRequest& task);
  /// Runs what waits, also what handlers enqueue meanwhile, until nothing is left that a handler of
  /// the worker could run. A task of a type without a handler stays "ready". Returns how many
  /// attempts were made; stops after `limit`, so that a task that releases itself for ever ends.
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
