// AttemptSender: brings to the server what running attempts save, on connections of its own.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/thread_annotations.h"
#include "client/connection.h"
#include "client/wire.h"

namespace treadle::worker {

class AttemptSender {
 public:
  explicit AttemptSender(ConnectionOptions options) : options_(std::move(options)) {}

  /// Blocks until the server has answered; asks again while none can be reached, up to `limit` or
  /// until `cancelled`. Repeating is harmless. LEASE_LOST; RESOURCE_EXHAUSTED: more than a task may
  /// save; UNAVAILABLE, DEADLINE_EXCEEDED: no answer. Any thread, several at once.
  Result<wire::AttemptAnswer> Send(const std::string& token, const wire::AttemptUpdate& update,
                                   std::chrono::milliseconds limit,
                                   const std::stop_token& cancelled);

 private:
  Result<std::unique_ptr<ServerConnection>> Borrow();
  void GiveBack(std::unique_ptr<ServerConnection> connection);

  const ConnectionOptions options_;
  Mutex mutex_;
  std::vector<std::unique_ptr<ServerConnection>> idle_ TREADLE_GUARDED_BY(mutex_);
};

}  // namespace treadle::worker
