// Scanner: reads all that recovery keeps in memory, in one pass over each table.
#pragma once

#include "store/sqlite/sqlite.h"
#include "store/store.h"

namespace treadle {

/// As Store::ReadAll(), from one snapshot. `db` is one thread's for that long.
Status ScanAll(Connection* db, const Store::Visitor& visit);

}  // namespace treadle
