// The digest of a row: how a bit that flipped in the store's file is noticed. SQLite's pages carry
// no checksum, and a changed number in a row looks like any other.
//
// Every table has a column `digest`: XXH3-64 over the kind and the bytes of its other columns, but
// for payloads and results, whose own SHA-256 it covers. SQL statements write it and hold it
// against the row with the function row_digest(…), which a connection has after AddRowDigest();
// the texts below define it. Code that has all values in memory computes it (RowDigest), which is
// cheaper. What a reader does with a row that is not sound is its own affair.
//
// Pure; any thread. A connection's function is its thread's.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/hash.h"
#include "store/sqlite/sqlite.h"

namespace treadle {

/// The digest of the values that are added, in the order in which the table's digest covers them.
class RowDigest {
 public:
  void Clear() { size_ = 0; }
  void Add(std::nullptr_t) { *Room(1) = SQLITE_NULL; }
  void Add(std::string_view text) { AddBytes(SQLITE_TEXT, text); }
  void Add(Blob blob) { AddBytes(SQLITE_BLOB, blob.bytes); }
  template <std::integral T>
  void Add(T value) {
    const auto number = static_cast<int64_t>(value);
    char* const at = Room(1 + sizeof number);
    *at = SQLITE_INTEGER;
    std::memcpy(at + 1, &number, sizeof number);
  }
  template <class T>
  void Add(const std::optional<T>& value) {
    value ? Add(*value) : Add(nullptr);
  }
  /// Of only these values.
  template <class... Values>
  int64_t Of(const std::tuple<Values...>& values) {
    Clear();
    std::apply([this](const auto&... each) { (..., Add(each)); }, values);
    return Get();
  }
  int64_t Get() const { return static_cast<int64_t>(Xxh3({bytes_.data(), size_})); }

 private:
  // The number of bytes too, so that no two rows look alike.
  void AddBytes(char kind, std::string_view bytes);
  char* Room(size_t size) {
    if (size > bytes_.size() - size_) bytes_.resize(2 * (size_ + size));
    size_ += size;
    return bytes_.data() + size_ - size;
  }

  std::string bytes_ = std::string(512, '\0');
  size_t size_ = 0;  // of what was added
};
static_assert(std::endian::native == std::endian::little);

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
/// "INSERT OR `conflict` INTO …" for `live` and `done`, with a parameter for each column, in their
/// order, and so for each row.
std::string InsertTasks(std::string_view conflict, std::string_view table, size_t rows);
/// "INSERT … SELECT … FROM `from`", a table with the same columns but for the digest.
std::string InsertRowsOf(std::string_view table, std::string_view from);
/// "UPDATE … SET …" of these cells and of the digest, from what the row has. Goes on with a WHERE
/// that has IsSound() in it, or it would sign damage.
std::string UpdateRow(std::string_view table, const Cells& changed);

/// The columns that the digest covers, in its order: "a, b, c".
std::string ColumnList(std::string_view table);
/// Whether the first `count` columns of the row, in that order, have this digest.
bool HasDigest(const Rows& row, int count, int64_t digest);
/// A condition: the row is as it was written.
std::string IsSound(std::string_view table);

}  // namespace treadle
