// The contracts of a task type, for those commands that show them.
#pragma once

#include "console/table.h"
#include "json/tree.h"

namespace treadle::cli {

/// One row for each version that `type`, an answer of the server, has; one that says so if it has
/// none.
void AddContractRows(const JsonNode& type, Table* table);

}  // namespace treadle::cli
