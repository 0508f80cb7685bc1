// Copies of whole directories, byte by byte and durable, for what must not be lost before something
// is tried on the original.
#pragma once

#include <string>

#include "base/disk.h"

namespace treadle::tools {

/// Copies the data directory `from` to `to`, which must not be there, with owners if this process
/// may give them; its backups stay where they are. All of it is durable on return. On an error what
/// was copied is removed again. FAILED_PRECONDITION: `to` is there, or `from` holds something that
/// is neither file nor directory. RESOURCE_EXHAUSTED: no room, found out before the first byte
/// where possible.
Status CopyDirectory(Disk* disk, const std::string& from, const std::string& to);

/// If this process is root's: gives everything in `directory` to the directory's own owner, so that
/// a server without privileges can use what was made here.
Status GiveToOwner(const std::string& directory);

}  // namespace treadle::tools
