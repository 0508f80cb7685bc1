// RowCopier: copies the rows of one table from a damaged SQLite file into a whole one, and goes
// around what cannot be read. One thread.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "store/sqlite/sqlite.h"

namespace treadle {

class RowCopier {
 public:
  /// Both files have `table` with the same columns. Borrows the connections.
  RowCopier(Connection* from, Connection* to, std::string table)
      : from_(from), to_(to), table_(std::move(table)) {}

  /// Copies the rows that `where` (SQL, may be empty) selects and whose integer column `key` is
  /// from `low` to `high`; the table must be sorted by `key` within `where`. Errors are those of
  /// the new file.
  Status CopyRange(const std::string& where, const std::string& key, int64_t low, int64_t high);
  /// Copies what `where` selects from both ends, as far as it can be read, in the order of the
  /// columns `order`. False: perhaps not all of it.
  Result<bool> CopyEnds(const std::string& where, const std::string& order);

  /// Rows that are in the new file now.
  uint64_t copied() const { return copied_; }
  /// Rows that could be read, and that the new file does not accept: their values make no sense.
  uint64_t refused() const { return refused_; }
  /// Some place of the table could not be read.
  bool has_gaps() const { return has_gaps_; }
  /// Rows whose payload could not be read; they have an empty one.
  uint64_t without_payload() const { return without_payload_; }

 private:
  struct Walk {
    bool complete = false;
    int64_t last_key = 0;  // of the last row that was read
    bool any = false;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  using Prepared = std::unique_ptr<sqlite3_stmt, Finalize>;

  /// Null: what would have to be known of the table cannot be read.
  Prepared Prepare(const std::string& sql);
  /// Copies `rows`, whose last column is the key. `low` and `high` are ?1 and ?2. May be null.
  Result<Walk> CopyRows(sqlite3_stmt* rows, int64_t low, int64_t high);
  Status InsertRow(sqlite3_stmt* row, int columns);
  Status CopyWithoutPayload(const std::string& where, const std::string& key, int64_t value);

  Connection* from_;
  Connection* to_;
  std::string table_;
  Prepared insert_;
  uint64_t copied_ = 0;
  uint64_t refused_ = 0;
  uint64_t without_payload_ = 0;
  bool has_gaps_ = false;
  int failures_left_ = 20'000;  // bounds the search in what cannot be read
};

}  // namespace treadle
