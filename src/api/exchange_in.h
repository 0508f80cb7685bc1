// Exchanges as workers send them. Pure; any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "node/exchange.h"

namespace treadle::api {

struct ExchangeIn {
  /// Holds the reports that can be taken; answers at once if one was not.
  ExchangeRequest request;
  /// Reports whose content cannot be taken (a result that is too large, or whose digest differs),
  /// by their place in the request, rising. They fail alone: the others must not be lost with them.
  std::vector<std::pair<size_t, std::pair<Token, Status>>> refused;
};

/// INVALID_ARGUMENT names the field that is wrong; the whole request counts for nothing then.
Result<ExchangeIn> ReadExchange(std::string* body);

/// Moves those reports of the request that have not OK in `statuses`, one for each, to the refused.
void RefuseReports(ExchangeIn* in, const std::vector<Status>& statuses);

/// Puts the refused reports among the answers of the node, where they stood in the request.
void MergeRefused(ExchangeIn* in, ExchangeReply* reply);

}  // namespace treadle::api
