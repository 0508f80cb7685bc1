// A thin layer over SQLite's C interface: connections and statements that own what they hold and
// answer with Status.
//
// One thread at a time per Connection and all that belongs to it. A Statement borrows its
// Connection, a Rows its Statement. Errors: RESOURCE_EXHAUSTED for a full disk, DATA_LOSS for a
// damaged file, PERMISSION_DENIED, and UNAVAILABLE for the rest; the message is SQLite's own.
#pragma once

#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "base/check.h"
#include "base/status.h"

namespace treadle {

/// Switches off SQLite's account of its memory, which nobody reads and which costs a lock for each
/// allocation, and has SQLite take a full quota for a full disk. Before anything else is asked of
/// SQLite; afterwards it does nothing. Any thread.
void SetUpSqlite();

class Connection {
 public:
  /// Opens `path`, or creates it empty. `vfs` empty: SQLite's own for this system. A file that is
  /// no database is only noticed by the first statement.
  static Result<std::unique_ptr<Connection>> Open(const std::string& path, const std::string& vfs);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Runs statements of which no rows are wanted.
  Status Execute(const std::string& sql);
  /// The statements around a transaction: run often, so prepared once.
  enum class Bracket { kBegin, kBeginToWrite, kCommit, kRollBack };
  Status Execute(Bracket bracket);
  /// Rows that the last statement inserted, changed or deleted.
  int64_t changes() const { return sqlite3_changes64(db_); }
  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
  /// From now on whoever commits moves the write-ahead log into the database once it is longer than
  /// so many pages; an error of that, a failed sync above all, is an error of the commit. (What
  /// SQLite does by itself for this keeps its errors to itself.)
  void KeepLogBelow(int pages);
  /// After a commit. UNAVAILABLE: a sync failed. A full disk, or a reader in the way, is no error.
  Status TidyLog();
  /// TidyLog() however long the log is, so that the next commit can reuse it from its beginning.
  Status EmptyLog();
  /// False: closing leaves the write-ahead log where it is, and the file as it was found.
  void set_tidy_on_close(bool tidy);

  const std::string& path() const { return path_; }
  sqlite3* handle() const { return db_; }
  /// SQLite's message for `result`, its last result here.
  Status Error(int result) const;
  /// The same for a call of its file's, of which SQLite knows nothing.
  Status ErrorOfFile(std::string_view what, int result) const;

 private:
  Connection(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}

  sqlite3* db_;
  std::string path_;
  std::array<sqlite3_stmt*, 4> brackets_{};  // null until the first use
  int log_pages_ = 0;                        // after the last commit
  int log_pages_max_ = 0;
};

/// Bytes for a BLOB column; a plain string_view is bound as TEXT.
struct Blob {
  std::string_view bytes;
};

/// The rows of one execution; ends it when destroyed, so that no snapshot outlives it. Texts and
/// blobs that it hands out stay valid until the next Next().
class Rows {
 public:
  /// `result` other than SQLITE_OK: there are none, and why.
  Rows(const Connection* db, sqlite3_stmt* statement, int result)
      : db_(db), statement_(statement), result_(result) {}
  ~Rows() {
    if (statement_ != nullptr) sqlite3_reset(statement_);
  }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  /// Moves to the next row; false at the end and after an error.
  bool Next() {
    if (result_ == SQLITE_OK || result_ == SQLITE_ROW) result_ = sqlite3_step(statement_);
    return result_ == SQLITE_ROW;
  }
  /// Why Next() returned false; OK at the end.
  Status status() const;

  int64_t Int(int column) const { return sqlite3_column_int64(statement_, column); }
  template <class T>
  T As(int column) const {
    return static_cast<T>(Int(column));
  }
  /// SQLITE_INTEGER, SQLITE_TEXT …
  int Kind(int column) const { return sqlite3_column_type(statement_, column); }
  int columns() const { return sqlite3_column_count(statement_); }
  bool IsNull(int column) const { return Kind(column) == SQLITE_NULL; }
  std::string_view Bytes(int column) const {
    const void* data = sqlite3_column_blob(statement_, column);
    if (data == nullptr) return {};
    const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_, column));
    return {static_cast<const char*>(data), size};
  }
  /// For sqlite3_value_…(), which cost less than the like of a column: here is no other thread.
  sqlite3_value* Value(int column) const { return sqlite3_column_value(statement_, column); }
  std::string String(int column) const { return std::string(Bytes(column)); }

 private:
  const Connection* db_;
  sqlite3_stmt* statement_;
  int result_;
};

/// Prepared at its first use and kept.
class Statement {
 public:
  Statement(Connection* db, std::string sql) : db_(db), sql_(std::move(sql)) {}
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  /// Binds `values` to ?1, ?2 …: integers and bools, string_view (TEXT), Blob, and nullptr or an
  /// empty optional for NULL. What they point to must outlive the Rows.
  template <class... Values>
  Rows Query(const Values&... values) {
    const int result = BindAll(1, values...);  // first: it prepares statement_
    // One that is left out would have its last value.
    TREADLE_CHECK(result != SQLITE_OK || sizeof...(values) == parameters());
    return Rows(db_, statement_, result);
  }

  /// Query() with as many numbers as there are, and then `text` if there is one.
  Rows QueryNumbers(std::span<const int64_t> values, const std::optional<std::string>& text = {});

  /// Query() for a statement without rows.
  template <class... Values>
  Status Run(const Values&... values) {
    Rows rows = Query(values...);
    TREADLE_CHECK(!rows.Next());
    return rows.status();
  }

  template <class... Values>
  Status RunTuple(const std::tuple<Values...>& values) {
    return std::apply([this](const auto&... each) { return Run(each...); }, values);
  }
  /// For a statement with more values than one call can take: binds some of them, to ?`place` and
  /// those after it, for RunBound(). What they point to must live until then.
  template <class... Values>
  Status BindFrom(int place, const Values&... values) {
    const int result = BindAll(place, values...);
    return result == SQLITE_OK ? Status() : db_->Error(result);
  }
  /// Run() with what was bound.
  Status RunBound() {
    TREADLE_CHECK(statement_ != nullptr);  // BindFrom() prepared it
    Rows rows(db_, statement_, SQLITE_OK);
    TREADLE_CHECK(!rows.Next());
    return rows.status();
  }

 private:
  template <class... Values>
  int BindAll(int place, const Values&... values) {
    int result = Prepare();
    if (result == SQLITE_OK) (..., (result = result ? result : Bind(place++, values)));
    return result;
  }
  /// What a parameter has since its last binding. Binding the same value again costs SQLite more
  /// than to see here that it is the same, and most numbers of neighbouring rows are.
  struct Bound {
    enum Kind : uint8_t { kNull, kNumber, kBytes } kind = kNull;
    int64_t number = 0;
    bool operator==(const Bound&) const = default;
  };
  size_t parameters() const { return bound_.empty() ? 0 : bound_.size() - 1; }
  Bound& BoundAt(int place) {
    TREADLE_CHECK(static_cast<size_t>(place) < bound_.size());
    return bound_[static_cast<size_t>(place)];
  }
  /// Whether the parameter has that already; from now on it is taken to have it.
  bool IsBound(int place, const Bound& now) {
    Bound& bound = BoundAt(place);
    if (bound == now) return true;
    bound = now;
    return false;
  }

  int Prepare();
  int Bind(int place, std::nullptr_t) {
    return IsBound(place, {}) ? SQLITE_OK : sqlite3_bind_null(statement_, place);
  }
  int Bind(int place, std::string_view text);
  int Bind(int place, Blob blob);
  template <class T>
    requires std::is_integral_v<T>
  int Bind(int place, T value) {
    const auto number = static_cast<int64_t>(value);
    return IsBound(place, {Bound::kNumber, number}) ? SQLITE_OK
                                                    : sqlite3_bind_int64(statement_, place, number);
  }
  template <class T>
  int Bind(int place, const std::optional<T>& value) {
    return value ? Bind(place, *value) : Bind(place, nullptr);
  }

  Connection* db_;
  std::string sql_;
  sqlite3_stmt* statement_ = nullptr;
  std::vector<Bound> bound_;  // by place
};

/// A transaction that is rolled back unless Commit() succeeded.
class Transaction {
 public:
  enum class Kind { kRead, kWrite };

  explicit Transaction(Connection* db) : db_(db) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  Status Begin(Kind kind);
  Status Commit();

 private:
  Connection* db_;
};

}  // namespace treadle
