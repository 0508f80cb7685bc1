// TaskRunner: from a lease to the report about it, by way of the handler of its type.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "client/wire.h"
#include "worker/attempt_session.h"
#include "worker/handler.h"
#include "worker/handler_pool.h"

namespace treadle::worker {

/// Calls `handler` on `task`; what it throws, or returns beyond the limits, becomes a Failed. Any
/// thread.
Outcome CallHandler(const Handler& handler, const Task& task, Context& context);

class TaskRunner {
 public:
  /// Sends what the attempt with this token saves to the server.
  using SaveFn = std::function<Result<wire::AttemptAnswer>(
      const std::string& token, const wire::AttemptUpdate&, bool is_durable,
      const std::stop_token&)>;
  /// `services`, `save` and `stop_worker` (which gets the reason) are called from any thread that
  /// runs tasks.
  TaskRunner(Context::Services services, SaveFn save,
             std::function<void(std::string reason)> stop_worker);

  /// Reports have lines for people. Before the first Run().
  void WriteLines() { writes_lines_ = true; }
  /// Before the first Run().
  void Handle(std::string type, Handler handler, std::chrono::milliseconds timeout);
  std::vector<std::string> Types() const;

  /// Of that type's attempts.
  std::chrono::milliseconds TimeoutOf(const std::string& type) const;

  /// Runs the handler on what the lease holds (all but the token is moved out) and returns the
  /// report. Any thread.
  Report Run(wire::Lease* lease, const HandlerPool::Attempt& attempt) const;

 private:
  struct Entry {
    Handler handler;
    std::chrono::milliseconds timeout;
  };
  std::string ReportJson(const std::string& token, const Outcome& outcome) const;
  Outcome RunLease(wire::Lease* lease, const HandlerPool::Attempt& attempt,
                   AttemptSession* session) const;

  const Context::Services services_;
  const SaveFn save_;
  const std::function<void(std::string)> stop_worker_;
  std::map<std::string, Entry, std::less<>> handlers_;
  bool writes_lines_ = false;
};

}  // namespace treadle::worker
