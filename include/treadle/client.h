// Client: enqueues tasks and waits for their results. Made once, shared by all threads of a
// program.
//
//   treadle::Client client;
//   auto task = client.Enqueue({.type = "hello", .payload = treadle::ToJson(Greeting{"Ada"})});
//   auto reply = client.WaitFor<Reply>(task->id, std::chrono::seconds(30));
//
// Any thread may call any method, at the same time. Calls block. Connections are made when needed,
// kept, and made again when they break.
//
// What is sent again: a call that no server took (no connection, or a server that is starting or
// stopping) is repeated, with growing pauses and at each server in turn, until `timeout`. A call
// that broke off after it was sent is repeated only if that cannot enqueue a task twice: reading,
// and tasks with an idempotency key. Others fail with UNAVAILABLE, "it is not known whether …".
//
// Shared requests: an Enqueue() is sent at once when none is under way. Else it waits for the one
// under way to return, but at most `linger`, and goes with all those that wait by then in one
// request: one thread alone waits for nothing, many together cost one request for many tasks.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "treadle/json.h"
#include "treadle/status.h"
#include "treadle/task.h"

namespace treadle {

struct ClientOptions {
  /// "http://HOST:PORT", tried in this order. Empty: TREADLE_SERVER from the environment (commas
  /// between several), else http://127.0.0.1:7373.
  std::vector<std::string> servers = {};
  /// Sent as a bearer token. Empty: the first line of the file that TREADLE_TOKEN_FILE names, if
  /// set.
  std::string token = {};
  std::chrono::milliseconds connect_timeout{5'000};  // of each try
  std::chrono::milliseconds timeout{30'000};         // of a call, with all its tries
  std::chrono::microseconds linger{2'000};           // see above; 0: every call is its own request
  size_t connections = 32;                           // 1..256; calls beyond them wait
};

class Client {
 public:
  /// Does not connect yet; bad options come back from the calls, as INVALID_ARGUMENT.
  explicit Client(ClientOptions options = {});
  /// No call may be under way; what EnqueueAsync() took is sent first.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// On return the task is on the server's disk. INVALID_ARGUMENT names the field; ALREADY_EXISTS:
  /// the idempotency key was used by another request; RESOURCE_EXHAUSTED: the server is full, try
  /// again after retry_after_ms(); UNAVAILABLE, DEADLINE_EXCEEDED: see above.
  Result<Enqueued> Enqueue(const TaskRequest& task);
  /// The same without waiting: the client sends tasks in the order of these calls, as many in a
  /// request as have come while the last one was under way, and calls `done` with what became of
  /// each, in a thread of its own (or in this one, if the task cannot be sent at all). `done` must
  /// neither throw nor wait for this client. Waits only while 10,000 tasks or 16 MiB of them have
  /// no answer yet.
  void EnqueueAsync(const TaskRequest& task, std::function<void(Result<Enqueued>)> done);
  /// Returns when `done` has been called for all tasks that were given before. The destructor
  /// waits for them, too.
  void Flush();
  /// All of 1 to 1,000 tasks, or none; the answers are in their order.
  Result<std::vector<Enqueued>> EnqueueMany(const std::vector<TaskRequest>& tasks);

  /// The task as it is now. NOT_FOUND: there is none (any more).
  Result<TaskInfo> Get(const std::string& id);
  /// Ends a task that waits, at once; asks the worker of one that runs to stop. `reason` is for
  /// people, and may be empty. OK also if it was cancelled before. FAILED_PRECONDITION: it has
  /// ended in another way. NOT_FOUND.
  Status Cancel(const std::string& id, const std::string& reason = {});
  /// The task once it has ended. DEADLINE_EXCEEDED: it had not, by then.
  Result<TaskInfo> Wait(const std::string& id, std::chrono::milliseconds limit);
  /// The result of a completed task as T (json.h). FAILED_PRECONDITION: it ended in another way,
  /// and how; INVALID_ARGUMENT: its result is no T.
  template <class T>
  Result<T> WaitFor(const std::string& id, std::chrono::milliseconds limit) {
    const Result<TaskInfo> task = WaitCompleted(id, limit);
    if (!task.ok()) return task.status();
    return FromJson<T>(task->result);
  }

 private:
  class Impl;
  Result<TaskInfo> WaitCompleted(const std::string& id, std::chrono::milliseconds limit);
  std::unique_ptr<Impl> impl_;
};

}  // namespace treadle
