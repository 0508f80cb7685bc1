// What the author of a handler meets: the task, how it can end, and how to hear that it should
// stop. Plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace treadle::worker {

struct Task {
  std::string id;
  std::string type;
  std::string queue;
  int64_t attempt = 0;  // from 1, this one included
  int64_t max_attempts = 0;
  std::string payload;  // the exact bytes that were enqueued; their SHA-256 was checked
  std::string content_type;
  int64_t enqueued_at_ms = 0;  // wall time, since 1970
};

/// Done. A result of content type application/json must be one JSON value, or the task fails as
/// "result_invalid".
struct Completed {
  std::string result = "null";  // at most 1 MiB, or the task fails as "result_too_large"
  std::string content_type = "application/json";
};

/// This attempt did not work. Without `retry` the task goes to the dead letters at once.
struct Failed {
  std::string code;     // short and stable, for machines; at most 64 bytes
  std::string message;  // for people; the last 8 KiB are kept
  bool retry = true;
};

/// Not now, or not here: the task is ready again, and the attempt does not count.
struct Released {};

/// As Released, and the worker stops: it cannot run tasks of this kind at all.
struct StopWorker {
  std::string reason;
};

using Outcome = std::variant<Completed, Failed, Released, StopWorker>;

/// How a handler hears that its work is no longer wanted: the lease was lost, or the worker stops
/// and the grace is over. Valid during the call of the handler; any thread.
class Context {
 public:
  explicit Context(std::stop_token cancelled) : cancelled_(std::move(cancelled)) {}

  bool IsCancelled() const { return cancelled_.stop_requested(); }
  /// For std::stop_callback and std::condition_variable_any; callbacks run on a thread of the
  /// worker and must be quick.
  const std::stop_token& stop_token() const { return cancelled_; }

 private:
  std::stop_token cancelled_;
};

/// Called on several threads at once. What it throws fails the attempt with code "exception" and a
/// retry. It should return soon after its context was cancelled; what it returns then matters only
/// if it is Completed.
using Handler = std::function<Outcome(const Task&, Context&)>;

using LogFn = std::function<void(std::string_view line)>;

}  // namespace treadle::worker
