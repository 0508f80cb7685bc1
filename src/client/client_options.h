// What a ClientOptions of the SDK means for a connection.
#pragma once

#include "base/status.h"
#include "client/connection.h"
#include "treadle/client.h"

namespace treadle {

/// Fills in from the environment what is empty, and checks the rest. INVALID_ARGUMENT names the
/// option, or the file of the token.
Result<ConnectionOptions> ConnectionOf(const ClientOptions& options);

}  // namespace treadle
