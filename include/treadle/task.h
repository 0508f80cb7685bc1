// Tasks as users of the SDK see them: requests and replies for producers, tasks and outcomes for
// handlers. Plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace treadle {

// ---- producers ----

/// When to retry a failed attempt, with the names of the wire (RetryPolicy in docs/openapi.yaml).
/// An absent field has its default value, even if the policy of the task's type or queue has
/// another one.
struct RetryOptions {
  std::string preset = {};   // "default" or "patient": the values to begin with
  std::string backoff = {};  // "exponential", "linear", "fixed" or "listed"
  std::string jitter = {};   // "none", "full" or "equal"
  std::optional<int64_t> backoff_base_ms = {};
  std::optional<int64_t> backoff_cap_ms = {};  // of exponential and linear waits
  std::vector<int64_t> delays_ms = {};         // of "listed": one wait after the other
  std::optional<int64_t> max_attempts = {};
  std::optional<int64_t> total_ms = {};  // no attempt begins later than this after the first
                                         // failure; 0: no such bound
  std::vector<std::string> never = {};   // error codes that end the task
  std::vector<std::string> always = {};  // error codes that retry, whatever the handler said
};

/// A task to enqueue. An absent field has the server's default.
struct TaskRequest {
  std::string type = {};
  std::string queue = "default";
  std::string payload = "null";  // bytes, at most 1 MiB; of application/json: one JSON value
  std::string content_type = "application/json";
  std::optional<int64_t> priority = {};      // 0..9, 9 first; default 5
  std::optional<int64_t> max_attempts = {};  // default 20
  std::optional<int64_t> delay_ms = {};      // not before now plus this
  std::string run_at = {};                   // not before; RFC 3339; empty: at once
  std::string idempotency_key = {};          // one task per queue and key in 24 h; empty: none
  std::string unique_while = {};  // waiting, running or done: how long the key holds; empty: 24 h
  std::string on_duplicate = {};  // return (default), refuse or replace
  std::vector<std::string> tags = {};            // for people, to find it by; at most 32
  std::optional<int64_t> contract_version = {};  // default: the newest that the payload fits
  bool sensitive = false;  // payload, result, messages and log are not shown in lists and pages
  std::optional<int64_t> expires_ms = {};   // "expired" if it begins later than this from now
  std::string expires_at = {};              // the same as a time, RFC 3339
  std::optional<int64_t> deadline_ms = {};  // "dead" if it ends later than this from now
  std::string deadline_at = {};             // the same as a time, RFC 3339
  std::optional<int64_t> attempt_timeout_ms = {};  // default: that of its type or its queue
  std::optional<RetryOptions> retry = {};          // default: that of its type or its queue
  std::string traceparent = {};  // W3C trace context, for its handler; empty: none
};

struct Enqueued {
  std::string id = {};     // for example "1-42"
  bool duplicate = false;  // the same request has used the key before: nothing was added
};

/// A task as the server shows it; times as on the wire (RFC 3339), empty when they do not apply.
struct TaskInfo {
  std::string id = {};
  std::string type = {};
  std::string queue = {};
  std::string state = {};  // ready, running, completed, dead, …
  int64_t attempt = 0;     // spent so far
  int64_t max_attempts = 0;
  std::string enqueued_at = {};
  std::string started_at = {};
  std::string finished_at = {};
  std::string error_code = {};  // of the last failure
  std::string error_message = {};
  std::string result = {};  // the JSON, or the bytes of another content type; empty: none
  std::string result_content_type = {};
  std::vector<std::string> tags = {};
  int64_t worker_losses = 0;            // leases lost by workers that died or stalled
  bool cancel_requested = false;        // it is running, and its worker was asked to stop
  std::optional<double> progress = {};  // 0..1, as its handler last reported
  std::string progress_message = {};
  std::string expires_at = {};
  std::string deadline_at = {};
  std::string traceparent = {};  // of its producer; in a list always empty

  /// Completed, dead, cancelled or expired: it stays so unless a person changes it.
  bool HasEnded() const {
    return state == "completed" || state == "dead" || state == "cancelled" || state == "expired";
  }
};

/// Which tasks to list: all that is not empty must match.
struct ListOptions {
  std::string queue = {};
  std::string type = {};
  std::string state = {};
  std::string tag = {};
  std::string key = {};
  std::string error_code = {};
  std::string text = {};    // words of the error's code and message
  int64_t limit = 50;       // tasks on a page, 1..1000
  std::string cursor = {};  // ListPage::next_cursor of the previous page
};

struct ListPage {
  std::vector<TaskInfo> tasks = {};  // without their results
  std::string next_cursor = {};      // empty: this is the last page
};

// ---- handlers ----

/// Raw bytes, for results, steps and checkpoints that are not JSON.
struct Bytes {
  std::string data = {};
  std::string content_type = "application/octet-stream";
};

struct Task {
  std::string id = {};
  std::string type = {};
  std::string queue = {};
  int64_t attempt = 0;  // from 1, this one included
  int64_t max_attempts = 0;
  std::string payload = {};  // the exact bytes that were enqueued; their SHA-256 was checked
  std::string content_type = {};
  int64_t enqueued_at_ms = 0;    // wall time, since 1970
  int64_t deadline_at_ms = 0;    // the same, when the task as a whole must have ended; 0: none
  bool sensitive = false;        // keep payload and result out of logs
  int64_t contract_version = 0;  // the version of the contract that the payload fits; 0: none
  std::string traceparent = {};  // W3C trace context of the producer; empty: it sent none
};

/// Done. A result of content type application/json must be one JSON value, or the task fails as
/// "result_invalid".
struct Completed {
  std::string result = "null";  // at most 1 MiB, or the task fails as "result_too_large"
  std::string content_type = "application/json";
};

/// This attempt did not work. Without `retry` the task goes to the dead letters at once.
struct Failed {
  std::string code = {};     // short and stable, for machines; at most 64 bytes
  std::string message = {};  // for people; the last 8 KiB are kept
  bool retry = true;
  /// With `retry`: the wait before the next attempt, instead of that of the retry policy.
  std::optional<std::chrono::milliseconds> retry_after = {};
};

/// Not now, or not here: the task is ready again, and the attempt does not count.
struct Released {};

/// Not before `delay` has passed: the task is scheduled again, and the attempt does not count.
struct Snoozed {
  std::chrono::milliseconds delay{0};
};

/// The work is no longer needed: the task is cancelled, and `reason` is kept with it.
struct Discarded {
  std::string reason = {};         // for people; the last 8 KiB are kept
  std::string code = "discarded";  // for machines; at most 64 bytes
};

/// Like Released, but the worker also stops because it cannot run tasks of this kind at all.
struct StopWorker {
  std::string reason = {};
};

using Outcome = std::variant<Completed, Failed, Released, Snoozed, Discarded, StopWorker>;

}  // namespace treadle
