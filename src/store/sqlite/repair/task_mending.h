// MendTasks(): the rows of tasks, after damage, repaired so that the store can continue with them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "store/sqlite/row.h"
#include "store/sqlite/sqlite.h"

namespace treadle {

struct MendedTasks {
  uint64_t dropped = 0;
  uint64_t without_terms = 0;        // their terms could not be read and are gone
  uint64_t damaged = 0;              // their payload is, or counts as such; all of them
  std::map<QueueId, uint64_t> kept;  // all that are there now
};

/// Looks at each row of the table. One that does not match its digest becomes one whose payload is
/// damaged; one of which nothing can be made, or that `is_known` (may be null) denies, is dropped;
/// waiting tasks go to their lanes. Within no transaction of the caller's, or within one. The
/// connection has row_digest().
Result<MendedTasks> MendTasks(Connection* db, TaskTable table,
                              const std::function<bool(const TaskImage&)>& is_known);

/// For people: this many tasks.
std::string TermsAreLost(uint64_t tasks);

}  // namespace treadle
