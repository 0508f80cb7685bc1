// Salvage: what can still be read of a damaged store file goes into a new one.
//
// Row by row, only from the tables, never from an index; around a page that cannot be read it looks
// for the rows on both sides of it. Three steps: SalvageStore(); then whoever has the journal
// carries its frames over the new store, which brings back what they hold; then MendStore() makes
// it a store that opens. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/store.h"

namespace treadle {

/// A store file's own metadata.
struct StoreMarks {
  uint64_t identity = 0;
  StoreMeta meta;
};
/// Reads the marks; may change the file (SQLite folds its log in): give it a copy.
/// FAILED_PRECONDITION: another program's, or of another version of the format. Any other error:
/// they cannot be read.
Result<StoreMarks> ReadStoreMarks(const std::string& path);
/// As much can be read that SalvageStore() would find the tables. Changes the file as above.
bool CanSalvageStore(const std::string& path);

struct StoreSalvage {
  /// Nothing if it cannot be read.
  std::optional<StoreMeta> meta;
  /// Names that only an index had; the rows themselves are lost.
  std::map<QueueId, std::string> queue_names;
  std::map<TypeId, std::string> type_names;
  /// All rows of `queue`, and of `type`, are in the new file.
  bool has_all_queues = false;
  bool has_all_types = false;
  std::vector<std::string> losses;  // one sentence each
};
/// Makes a store of `identity` at `to`, where nothing must be, of what can be read at `from`, which
/// only changes as described at ReadStoreMarks(). DATA_LOSS: nothing can be read, not even the
/// tables' names.
Result<StoreSalvage> SalvageStore(const std::string& from, const std::string& to,
                                  uint64_t identity);

/// Drops the rows of the store at `path` that make no sense, and fills in queues, types and
/// counters that are lost. What it had to do, one sentence each.
Result<std::vector<std::string>> MendStore(const std::string& path, uint64_t identity,
                                           const StoreSalvage& salvage);

}  // namespace treadle
