// TaskRunner: from a lease to the report about it, by way of the handler of its type.
#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "client/wire.h"
#include "worker/handler.h"

namespace treadle::worker {

class TaskRunner {
 public:
  /// `log` and `stop_worker` (which gets the reason) are called from any thread that runs tasks.
  TaskRunner(LogFn log, std::function<void(std::string reason)> stop_worker);

  /// Before the first Run().
  void Handle(std::string type, Handler handler);
  std::vector<std::string> Types() const;

  /// Runs the handler on what the lease holds (the payload is moved out) and returns the report's
  /// JSON. Any thread.
  std::string Run(wire::Lease* lease, std::stop_token cancelled) const;

 private:
  Outcome CallHandler(wire::Lease* lease, const std::stop_token& cancelled) const;

  const LogFn log_;
  const std::function<void(std::string)> stop_worker_;
  std::map<std::string, Handler, std::less<>> handlers_;
};

}  // namespace treadle::worker
