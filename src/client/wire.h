// The wire as values: what Treadle's calls send and answer, and their JSON.
//
// Parsing and encoding are pure and may run on any thread; the calls block, as ServerConnection
// does. Fields that a newer server adds are skipped. An answer that has not the shape of
// client/answers.h is INTERNAL: it is no Treadle server's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "client/connection.h"
#include "treadle/task.h"

namespace treadle::wire {

inline constexpr std::string_view kJson = "application/json";
inline constexpr uint64_t kExchangesInFlight = 4;  // of one worker, unanswered
inline constexpr size_t kExchangeItemsMax =
    1'000;  // leases, renewals and reports of one exchange, each
inline constexpr size_t kBatchTasksMax = 1'000;  // tasks of one enqueue
inline constexpr size_t kNamesMax = 100;         // queues, and types, of one exchange

/// True if `text` is one valid JSON value, with or without white space around it.
bool IsJson(std::string_view text);
/// Why it is not, with the place: "payload.sizes[2] is not valid JSON …", of `root` "payload".
std::string WhyNotJson(std::string_view text, std::string_view root);
/// `text` without the white space (of JSON) around it: the bytes that the server keeps and hashes.
std::string_view TrimJson(std::string_view text);

// ---- producers ----

/// The task's JSON, its payload's SHA-256 included. INVALID_ARGUMENT if the payload is not the JSON
/// that it claims to be.
Result<std::string> EncodeTask(const TaskRequest& task);
/// Sends tasks that are encoded: all (1..kBatchTasksMax) or none; the answers are in their order.
Result<std::vector<Enqueued>> EnqueueEncoded(ServerConnection& client,
                                             const std::vector<std::string_view>& tasks,
                                             int64_t timeout_ms, Repeat repeat);
Result<Enqueued> Enqueue(ServerConnection& client, const TaskRequest& task);
/// All of `tasks` (1..kBatchTasksMax) or none; the answers are in their order.
Result<std::vector<Enqueued>> EnqueueBatch(ServerConnection& client,
                                           const std::vector<TaskRequest>& tasks);

// ---- reading ----

Result<TaskInfo> ParseTask(std::string_view json);
/// The view as JSON text. `wait_ms` > 0: answers when the task has ended, or after that time.
Result<std::string> GetTaskJson(ServerConnection& client, std::string_view id, int64_t wait_ms = 0);
Result<TaskInfo> GetTask(ServerConnection& client, std::string_view id, int64_t wait_ms = 0);
/// One page.
Result<ListPage> ListTasks(ServerConnection& client, const ListOptions& query);
/// The task's state. FAILED_PRECONDITION: it is completed or running.
Result<std::string> RedriveTask(ServerConnection& client, std::string_view id);
/// The task's state. FAILED_PRECONDITION: it has ended in another way.
Result<std::string> CancelTask(ServerConnection& client, std::string_view id,
                               std::string_view reason);
/// The raw result in `body`. FAILED_PRECONDITION: the task has none (yet), and why.
Result<ServerAnswer> GetResult(ServerConnection& client, std::string_view id, int64_t wait_ms = 0);

/// Milliseconds since 1970 of the form that the server writes, "2026-11-23T20:53:01.250Z"; 0 for
/// any other.
int64_t ParseWallTimeMs(std::string_view text);

/// `text` as part of a path or query: all but unreserved characters become %XX (RFC 3986
/// section 2.1).
std::string PercentEncode(std::string_view text);

// ---- workers ----

struct ExchangeRequest {
  std::string worker;
  std::string build;        // of the program, for people; empty: none
  std::string incarnation;  // 16 hex digits, one per life of a worker
  uint64_t sequence = 0;    // from 1, rising by one with each new exchange of an incarnation
  std::optional<uint64_t> answered;  // answers up to this one have arrived; none: all before
  std::vector<std::string> queues;
  std::vector<std::string> types;
  size_t want = 0;
  int64_t wait_ms = 0;
  std::vector<std::string> renew;    // tokens
  std::vector<std::string> reports;  // JSON, by Encode…() below
  bool goodbye = false;              // the worker ends
  std::string reason;                // with goodbye: why it cannot run its tasks; or empty
};

struct Lease {
  std::string token;
  std::string id;
  std::string queue;
  std::string type;
  int64_t attempt = 0;  // from 1, this one included
  int64_t max_attempts = 0;
  int64_t lease_ms = 0;
  int64_t timeout_ms = 0;  // from the answer until the lease is revoked; 0: the server sent none
  int64_t enqueued_at_ms = 0;  // wall time, since 1970; 0 if the server sent none
  int64_t deadline_at_ms = 0;  // the same, of the task; 0 if it has none
  std::string content_type;
  std::string payload;  // the raw bytes
  bool sensitive = false;
  int64_t contract_version = 0;                     // that its payload fits; 0: none
  std::string traceparent;                          // of its producer; empty: it sent none
  std::map<std::string, Bytes, std::less<>> steps;  // that earlier attempts finished
  std::optional<Bytes> checkpoint;                  // that one of them saved last
  bool damaged = false;  // the payload does not have the SHA-256 that the server sent with it
};

struct ReportAnswer {
  std::string token;
  Code code = Code::kUnknown;
  std::string detail;
  std::string state;  // of the task once its attempt has failed; empty: the server sent none
  std::optional<int64_t> retry_in_ms;  // until its next attempt, 0 or more; none if none follows
};

struct ExchangeAnswer {
  std::vector<Lease> leases;
  std::vector<ReportAnswer> reports;   // one per report, in order
  std::vector<std::string> lost;       // tokens that are no longer held
  std::vector<std::string> cancelled;  // tokens whose task someone asked to end
};

std::string EncodeExchange(const ExchangeRequest& request);
Result<ExchangeAnswer> ParseExchangeAnswer(std::string body);

/// `result` of content type application/json must be valid JSON.
std::string EncodeCompleted(std::string_view token, std::string_view result,
                            std::string_view content_type);
/// `delay_ms`: the wait before another attempt, instead of that of the retry policy.
std::string EncodeFailed(std::string_view token, std::string_view code, std::string_view message,
                         bool retry, std::optional<int64_t> delay_ms = {});
std::string EncodeReleased(std::string_view token);
std::string EncodeSnoozed(std::string_view token, int64_t delay_ms);
std::string EncodeDiscarded(std::string_view token, std::string_view code,
                            std::string_view message);

/// Text at the end of an attempt's log.
struct LogText {
  int64_t offset = 0;  // bytes of it that were sent before
  std::string text;
};
/// The report with the last of its attempt's log.
std::string WithLog(std::string report, const LogText& log);

struct AttemptProgress {
  double fraction = 0;  // 0..1
  std::string message;
};
/// What a running attempt saves and reports.
struct AttemptUpdate {
  std::vector<std::pair<std::string, Bytes>> steps;
  std::optional<Bytes> checkpoint;
  std::optional<AttemptProgress> progress;
  std::optional<LogText> log;
};
struct AttemptAnswer {
  int64_t log_bytes = 0;  // that are kept
  bool cancel_requested = false;
};
std::string EncodeUpdate(const AttemptUpdate& update);
/// Durable when it returns. LEASE_LOST.
Result<AttemptAnswer> SaveAttempt(ServerConnection& client, std::string_view token,
                                  const AttemptUpdate& update, int64_t timeout_ms);

}  // namespace treadle::wire
