// `treadle backup restore`: a data directory made of a backup.
//
// The restored server is another one than that which was backed up, though it knows the same tasks:
// its journal is new, with an identity of its own; its terms are greater than any that the old
// server can have had, so that leases given after the backup are worth nothing here; and its ids
// leap, so that none is given twice.
#pragma once

#include <functional>
#include <string>

#include "tools/data_tools.h"

namespace treadle::tools {

/// See RestoreBackupFn.
Result<RestoreReport> RestoreBackup(const std::string& file, const std::string& directory,
                                    const std::function<void(const std::string&)>& say);

}  // namespace treadle::tools
