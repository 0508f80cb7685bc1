// What SQLite leaves to chance about its write-ahead log, done here: after a failed sync nobody may
// continue as if what was written had reached the disk.
#pragma once

#include <string>

#include "base/status.h"

namespace treadle {

/// Makes durable what the write-ahead log of the database at `path` holds, if there is one. Before
/// the database is opened, by whoever holds the lock of the data directory. After kill -9, or after
/// a sync that failed, the page cache may hold commits that the disk does not; SQLite would take
/// them for durable. They are written once more, since after a sync that failed the kernel takes
/// such pages for clean, and a mere sync would pass over them. `vfs` as of Connection::Open().
Status MakeLogDurable(const std::string& path, const std::string& vfs);

}  // namespace treadle
