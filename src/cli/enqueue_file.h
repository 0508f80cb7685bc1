// treadle enqueue --from: the tasks of a file, one JSON object on each line.
#pragma once

#include <string>

#include "console/session.h"

namespace treadle::cli {

struct FileOfTasks {
  std::string path;              // "-" is standard input
  std::string type;              // of lines that name none; empty: each must
  std::string queue;             // the same
  std::string traceparent = {};  // of lines that name none; empty: they have none
};

/// Enqueues them in their order, many in a request, in memory for one request. Stops at the first
/// line that cannot be enqueued: all lines before it are enqueued, none after it. A server that is
/// away for a while is waited for. An answer that is lost doubles nothing.
ExitStatus EnqueueFile(Session& session, const FileOfTasks& file);

}  // namespace treadle::cli
