// Exchanges as workers send them. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "shard/exchange.h"

namespace treadle::api {

/// A report that cannot be taken as it was sent. It never costs the others.
struct BadReport {
  size_t place = 0;  // in the request
  Status why;        // INVALID_ARGUMENT; names the field
  /// What was sent as its token, if that is no token: then nobody knows which task is meant.
  std::optional<std::string> no_token = {};
};

struct ExchangeIn {
  /// A bad report is replaced by a failure of its attempt, so that its task does not stay
  /// running; or, if it has no token, a report about no task.
  ExchangeRequest request;
  std::vector<BadReport> bad = {};               // by place, rising
  std::vector<std::string> unknown_leases = {};  // in `renew`, and no tokens: nobody has them
};

/// INVALID_ARGUMENT names the field that is wrong; the whole request counts for nothing then. What
/// is wrong with a single report concerns only that report.
Result<ExchangeIn> ReadExchange(std::string* body);

/// Takes those reports of the request that have not OK in `statuses`, one for each, for bad ones:
/// their results cannot be taken.
void RefuseReports(ExchangeIn* in, const std::vector<Status>& statuses);

/// Says of the bad reports, among the answers of the node, why they were not taken.
void MergeRefused(const ExchangeIn& in, ExchangeReply* reply);

}  // namespace treadle::api
