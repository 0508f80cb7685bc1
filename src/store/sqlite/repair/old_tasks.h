// Tasks of a store of version 2 or 3, which had a column for each thing that is known of one, as
// rows of today. Only for the migration.
#pragma once

#include "base/status.h"
#include "store/sqlite/sqlite.h"

namespace treadle {

/// Gives the tables of tasks names that are in nobody's way.
Status SetAsideOldTasks(Connection* db);
/// Fills the new tables, which are empty, and drops the old ones. DATA_LOSS: a row does not match
/// its digest, if the old ones have any.
Status TakeOverOldTasks(Connection* db, bool has_digests);

}  // namespace treadle
