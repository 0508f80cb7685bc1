// Client: enqueues tasks and waits for their results. Made once, shared by all threads of a
// program.
//
//   treadle::Client client;
//   auto task = client.Enqueue({.type = "hello", .payload = treadle::ToJson(Greeting{"Ada"})});
//   auto reply = client.WaitFor<Reply>(task->id, std::chrono::seconds(30));
//
// Any thread may call any method, at the same time. Calls block. Connections are opened when
// needed, kept, and reopened when they break.
//
// Retries: a call that no server accepted (no connection, or the server is starting or stopping) is
// repeated until `timeout`, with growing pauses, at each server in turn. So is a call that broke
// off after it was sent: a task without an idempotency key gets one from the client, which the
// server forgets after a minute, so it is added once. With `keys` off, such a call fails with
// UNAVAILABLE, "the server may or may not have accepted …".
//
// Shared requests: Enqueue() sends its request at once if no other is in flight. Otherwise it waits
// for that one to return, but at most `linger`, and then shares a request with all calls that are
// waiting by then. A single thread never waits; many threads need one request for many tasks.
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
  /// "http://HOST:PORT" or "https://HOST:PORT", tried in this order. Empty: TREADLE_SERVER from the
  /// environment (commas between several), else http://127.0.0.1:7373. With https, the certificate
  /// and the host name in it are always checked.
  std::vector<std::string> servers = {};
  /// Sent as a bearer token. Empty: the first line of the file that TREADLE_TOKEN_FILE names, if
  /// set.
  std::string token = {};
  /// Certificates (PEM) that https trusts in place of the system's store. Empty: the file that
  /// TREADLE_CA_FILE names. Without that: the system's store.
  std::string ca_file = {};
  std::chrono::milliseconds connect_timeout{5'000};  // of each try
  std::chrono::milliseconds timeout{30'000};         // of a call, with all its tries
  std::chrono::microseconds linger{2'000};           // see above; 0: every call is its own request
  size_t connections = 32;                           // 1..256; calls beyond them wait
  bool keys = true;  // idempotency keys of the client's own; see above
};

/// The field at fault that an INVALID_ARGUMENT names, for example "priority", "tasks[3].type" or
/// "payload.width"; empty for other codes, and if none is named.
std::string FieldOf(const Status& status);

class Client {
 public:
  /// Does not connect yet. With bad options, the calls return INVALID_ARGUMENT.
  explicit Client(ClientOptions options = {});
  /// No call may be in progress. Tasks given to EnqueueAsync() are sent first.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// On return the task is on the server's disk. INVALID_ARGUMENT names the field; ALREADY_EXISTS:
  /// the idempotency key was used by another request; RESOURCE_EXHAUSTED: the server is full, try
  /// again after retry_after_ms(); UNAVAILABLE, DEADLINE_EXCEEDED: see above.
  Result<Enqueued> Enqueue(const TaskRequest& task);
  /// The same without waiting. The client sends tasks in the order of these calls; a request has
  /// all tasks that came while the previous one was in flight. `done` gets the outcome of one task,
  /// in a thread of the client (or in this one, if the task cannot be sent at all). It must neither
  /// throw nor wait for this client. Blocks only while 10,000 tasks, or 16 MiB of them, have no
  /// reply yet.
  void EnqueueAsync(const TaskRequest& task, std::function<void(Result<Enqueued>)> done);
  /// Returns when `done` has been called for all tasks that were given before. The destructor
  /// also waits for them.
  void Flush();
  /// Enqueues all of 1 to 1,000 tasks, or none; the replies are in the same order.
  Result<std::vector<Enqueued>> EnqueueMany(const std::vector<TaskRequest>& tasks);

  /// The task as it is now. NOT_FOUND: there is no such task, or it is no longer kept.
  Result<TaskInfo> Get(const std::string& id);
  /// Cancels a waiting task at once, and asks the worker of a running one to stop. `reason` is for
  /// people and may be empty. Returns the task's state. Also OK if it was cancelled before.
  /// FAILED_PRECONDITION: it ended in another way. NOT_FOUND.
  Result<std::string> Cancel(const std::string& id, const std::string& reason = {});
  /// Makes a dead, cancelled or expired task ready again, and returns its state. NOT_FOUND;
  /// FAILED_PRECONDITION: it is completed or running.
  Result<std::string> Redrive(const std::string& id);
  /// One page of the tasks that match, newest first.
  Result<ListPage> List(const ListOptions& query = {});
  /// Waits until the task has ended. DEADLINE_EXCEEDED: it has not ended within `limit`.
  Result<TaskInfo> Wait(const std::string& id, std::chrono::milliseconds limit);
  /// The result of a completed task as T (json.h). FAILED_PRECONDITION: it ended in another way,
  /// which the message names; INVALID_ARGUMENT: the result does not fit T.
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
