// Exchange: the one call that a worker makes, over and over. It reports what has ended, renews what
// runs, and asks for more. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/commands.h"
#include "model/task.h"

namespace treadle {

struct ExchangeRequest {
  LeaseHolder holder;
  uint32_t sequence = 0;  // from 1; the same again when its answer was lost
  // The worker has the answers to all exchanges up to this one. Left out: to all before this one.
  std::optional<uint32_t> answered;
  std::vector<std::string> queues;
  std::vector<std::string> types;
  uint32_t want = 0;
  int64_t wait_ms = 0;
  std::vector<Token> renew;
  std::vector<Report> reports;
  bool goodbye = false;  // the worker ends: whatever it still holds is released
  std::string reason;    // with goodbye: why it cannot run its tasks; may be empty
};

/// What became of a report.
struct ReportReply {
  Token token;
  Status status;
  /// Of the task, once its attempt has failed: retrying (ready, if its wait is over by now), dead
  /// or cancelled. Left out: the report was not a failure, it was not accepted, or the task is
  /// gone.
  std::optional<TaskState> state = {};
  /// From now until the next attempt may begin, 0 or more. Left out: none follows the failure.
  std::optional<int64_t> retry_in_ms = {};
};

struct ExchangeReply {
  std::vector<Leased> leases;
  std::vector<ReportReply> reports;  // in the order of the request
  std::vector<Token> lost;  // leases that the worker no longer has: those it tried to renew, and
                            // those that just ended
  std::vector<Token> cancelled;  // leases of the worker whose tasks it shall cancel; all of them
  uint32_t sequence = 0;         // of the request
  uint64_t delivery = 0;         // names this answer; for Node::Undelivered()
};

/// INVALID_ARGUMENT names the field that exceeds its bound.
Status Validate(const ExchangeRequest& request);

}  // namespace treadle
