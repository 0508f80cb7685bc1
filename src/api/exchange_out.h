// Exchanges as workers are answered. Pure; any thread.
#pragma once

#include <string>

#include "node/exchange.h"

namespace treadle::api {

/// The body of the answer.
std::string WriteExchange(const ExchangeReply& reply);

}  // namespace treadle::api
