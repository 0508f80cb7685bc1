// NextRow: which ids have rows in a table. Asked of rising ids it costs a search only where there
// are rows: a table that has none of many ids is looked at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "store/sqlite/sqlite.h"

namespace treadle {

/// One thread.
class NextRow {
 public:
  /// `id` is the first column of the table's key. `db` must outlive it.
  NextRow(Connection* db, const std::string& table, const std::string& id);

  /// Whether there is a row from `first` to `last`, both included.
  Result<bool> IsWithin(int64_t first, int64_t last);
  /// Before an id less than one asked of earlier, and after rows were added beyond it.
  void Forget() { known_ = false; }

 private:
  Statement find_;
  bool known_ = false;
  std::optional<int64_t> next_;  // the row at or after the last id that was looked for, if any
};

}  // namespace treadle
