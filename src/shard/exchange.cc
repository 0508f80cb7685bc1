#include "shard/exchange.h"

#include "model/limits.h"
#include "model/validate.h"

namespace treadle {
namespace {

Status TooMany(const std::string& field, size_t max) {
  return {Code::kInvalidArgument, field + " must have at most " + std::to_string(max) + " entries"};
}

}  // namespace

Status Validate(const ExchangeRequest& request) {
  TREADLE_RETURN_IF_ERROR(ValidateName("worker", request.holder.worker));
  if (request.sequence == 0) return {Code::kInvalidArgument, "sequence must be 1 or more"};
  if (request.answered.value_or(0) >= request.sequence)
    return {Code::kInvalidArgument, "answered must be less than sequence"};
  if (request.sequence - request.answered.value_or(request.sequence - 1) >
      limits::kExchangesInFlight)
    return {Code::kInvalidArgument, "answered must not be more than " +
                                        std::to_string(limits::kExchangesInFlight) +
                                        " behind sequence, the limit of concurrent exchanges"};
  if (request.want > limits::kExchangeLeases)
    return {Code::kInvalidArgument, "want must be at most 1000"};
  if (request.wait_ms < 0 || request.wait_ms > limits::kLongPollMs)
    return {Code::kInvalidArgument, "wait_ms must be from 0 to 60000"};
  if (request.queues.size() > limits::kExchangeQueues)
    return TooMany("queues", limits::kExchangeQueues);
  if (request.types.size() > limits::kExchangeQueues)
    return TooMany("types", limits::kExchangeQueues);
  if (request.renew.size() > limits::kExchangeLeases)
    return TooMany("renew", limits::kExchangeLeases);
  if (request.reports.size() > limits::kExchangeLeases)
    return TooMany("reports", limits::kExchangeLeases);
  for (const std::string& queue : request.queues)
    TREADLE_RETURN_IF_ERROR(ValidateName("queues", queue));
  for (const std::string& type : request.types)
    TREADLE_RETURN_IF_ERROR(ValidateName("types", type));
  if (request.queues.size() * request.types.size() > limits::kExchangeLanes)
    return {Code::kInvalidArgument, "queues times types must be at most " +
                                        std::to_string(limits::kExchangeLanes) +
                                        "; use several workers"};
  if (request.want > 0 && request.goodbye)
    return {Code::kInvalidArgument, "want must be 0 with goodbye"};
  if (!request.reason.empty() && !request.goodbye)
    return {Code::kInvalidArgument, "reason is only for goodbye"};
  if (request.reason.size() > limits::kErrorMessageBytes)
    return {Code::kInvalidArgument,
            "reason must have at most " + std::to_string(limits::kErrorMessageBytes) + " bytes"};
  if (request.want > 0 && (request.queues.empty() || request.types.empty()))
    return {Code::kInvalidArgument,
            "when want is not 0, queues and types must each have at least one name"};
  return {};
}

}  // namespace treadle
