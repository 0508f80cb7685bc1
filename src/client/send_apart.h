// Tasks on their way to the server, many in one request.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "treadle/task.h"

namespace treadle {

/// A task, encoded for the wire.
struct EncodedTask {
  std::string json;
  bool has_key = false;  // an idempotency key: it may be sent twice
};

/// Sends 1 to 1,000 tasks, all or none. Any thread.
using SendTasks =
    std::function<Result<std::vector<Enqueued>>(const std::vector<const EncodedTask*>&)>;

/// Bytes of one request: a quarter of what the server takes.
inline constexpr size_t kRequestBytes = size_t{4} << 20;

/// What became of each of the tasks, in their order: when a request is refused for what may be one
/// task's fault, its halves are sent apart, until the task at fault is isolated.
std::vector<Result<Enqueued>> SendApart(const SendTasks& send,
                                        std::span<const EncodedTask* const> tasks);

}  // namespace treadle
