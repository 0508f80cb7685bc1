// A look at a store file as a whole, for people who fear for it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/store.h"

namespace treadle {

struct StoreInspection {
  StoreMeta meta;
  uint64_t queues = 0;
  uint64_t types = 0;
  uint64_t waiting = 0;  // and running
  uint64_t ended = 0;    // that are kept
  uint64_t keys = 0;
  std::vector<std::string> problems;  // one sentence each, at most about 100
  /// Tasks whose payload does not match its digest, and nothing else is wrong with them; at most
  /// about 1,000.
  std::vector<TaskPlace> damaged_payloads;
};

/// Reads every page and every task, payload digests included. It may change the file (SQLite folds
/// its log in): give it a copy. Errors as of SqliteStore::Open() and Store::ReadAll().
Result<StoreInspection> InspectStore(const std::string& path, uint64_t identity);

}  // namespace treadle
