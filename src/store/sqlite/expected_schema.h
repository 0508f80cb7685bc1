// What a store file may define. Its rows carry digests; but SQLite also does what its schema says,
// and a trigger that someone put there would change rows, digests and all.
#pragma once

#include "base/status.h"
#include "store/sqlite/sqlite.h"

namespace treadle {

/// Compares all that the file defines with what a new store of this version does.
/// FAILED_PRECONDITION, with the name: something is not ours (a trigger, a view, an index, a
/// table), is missing, or was changed. SQLite's own statistics may be there. The two views for
/// people may differ: nothing reads them.
Status CheckSchema(Connection* db);

/// The same as far as it holds for a store of any version: no triggers, and no views but ours.
Status CheckHasNoForeignCode(Connection* db);

}  // namespace treadle
