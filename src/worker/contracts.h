// The contracts of a worker, registered with the server before it asks for tasks.
#pragma once

#include <functional>

#include "client/connection.h"
#include "worker/handler_set.h"

namespace treadle::worker {

/// Registers every contract of `set`; what is there already is left as it is. Asks again while no
/// server can be reached, as long as `goes_on` returns true; it is called every 100 ms.
/// INVALID_ARGUMENT: a schema is no JSON, or the server refuses one, and why; or what else the
/// server refuses.
Status RegisterContracts(const ConnectionOptions& connection, const HandlerSet& set,
                         const std::function<bool()>& goes_on);

}  // namespace treadle::worker
