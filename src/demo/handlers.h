// The handlers of the demo's task types. See job.h.
#pragma once

#include "client/connection.h"
#include "worker/handler.h"

namespace treadle::demo {

/// Walks the directory and enqueues a digest task per file, in batches, to the server of `client`.
Handler MakeScanHandler(ConnectionOptions client);
/// Reads one file. A file that is missing, unreadable or no regular file goes to the dead letters
/// at once.
Handler MakeDigestHandler();
Handler MakePaceHandler();

}  // namespace treadle::demo
