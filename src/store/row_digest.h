// The digest of a row: how a bit that flipped in the store's file is noticed. SQLite's pages carry
// no checksum, and a changed number in a row looks like any other.
//
// Every table has a column `digest`: XXH3-64 over the kind and the bytes of its other columns, but
// for payloads and results, whose own SHA-256 it covers. SQL statements write it and hold it
// against the row with the function row_digest(…), which a connection has after AddRowDigest();
// the texts below say it. What a reader does with a row that is not sound is its own affair.
//
// Pure; any thread. A connection's function is its thread's.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/sqlite.h"

namespace treadle {

Status AddRowDigest(Connection* db);

/// The tables whose rows have a digest.
std::span<const std::string_view> DigestedTables();

/// A column, and the SQL expression of the value that a statement gives it.
struct Cell {
  std::string_view column;
  std::string_view value;
};
using Cells = std::vector<Cell>;

/// "INSERT OR REPLACE INTO … VALUES (?1, …)" with the digest, for a table whose digest covers all
/// its columns, in their order.
std::string InsertRow(std::string_view table);
/// The same for these cells, which must name every column; `from`, if there is one, is what their
/// expressions read: "live WHERE …".
std::string InsertRow(std::string_view table, const Cells& cells, std::string_view from = "");
/// "UPDATE … SET …" of these cells and of the digest, from what the row has. Goes on with a WHERE
/// that has IsSound() in it, or it would sign damage.
std::string UpdateRow(std::string_view table, const Cells& cells);

/// "INSERT INTO … SELECT … FROM `from`", which has the columns of `table` but for the digest, in
/// any order.
std::string CopyRows(std::string_view table, std::string_view from);

/// A condition: the row is as it was written.
std::string IsSound(std::string_view table);
/// "UPDATE … WHERE …" for `live` and `done`: of the rows that are not sound, makes such whose
/// payload is damaged, so that nobody runs them. Goes on with " AND …", or marks all there are.
std::string MarkDamaged(std::string_view table);

}  // namespace treadle
