// Exchanges as workers are answered. Pure; any thread.
#pragma once

#include <string>

#include "api/exchange_in.h"
#include "shard/exchange.h"

namespace treadle::api {

/// The body of the answer to `in`, if that is given: then what it says of tokens that are none,
/// too.
std::string WriteExchange(const ExchangeReply& reply, const ExchangeIn* in = nullptr);

}  // namespace treadle::api
