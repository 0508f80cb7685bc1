#include "store/sqlite/repair/row_copier.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <utility>
#include <vector>

namespace treadle {
namespace {

// Of so many ranges, spread evenly, none could be read, not even as an empty one: then no way leads
// into the tree, and those that are left would cost seconds for nothing.
constexpr int kVainMax = 500;

struct Gap {
  int64_t low;
  int64_t high;
  uint64_t width() const { return static_cast<uint64_t>(high) - static_cast<uint64_t>(low); }
  bool operator<(const Gap& other) const { return width() < other.width(); }
};

// The columns of `table` but for the last one, which is the payload.
Result<std::string> ColumnsWithoutLast(Connection* db, const std::string& table) {
  Statement statement(db, "SELECT name FROM pragma_table_info('" + table + "') ORDER BY cid");
  Rows rows = statement.Query();
  std::string columns;
  std::string last;
  while (rows.Next()) {
    columns += last;
    last = rows.String(0) + ", ";
  }
  TREADLE_RETURN_IF_ERROR(rows.status());
  return columns;
}

}  // namespace

Status RowCopier::InsertRow(sqlite3_stmt* row, int columns) {
  if (insert_ == nullptr) {
    std::string sql = "INSERT OR IGNORE INTO " + table_ + " VALUES (?1";
    for (int i = 2; i <= columns; ++i) sql += ", ?" + std::to_string(i);
    sqlite3_stmt* prepared = nullptr;
    const int result =
        sqlite3_prepare_v2(to_->handle(), (sql + ")").c_str(), -1, &prepared, nullptr);
    if (result != SQLITE_OK) return to_->Error(result);
    insert_.reset(prepared);
  }
  for (int i = 0; i < columns; ++i)
    sqlite3_bind_value(insert_.get(), i + 1, sqlite3_column_value(row, i));
  const int result = sqlite3_step(insert_.get());
  sqlite3_reset(insert_.get());
  if (result == SQLITE_DONE) return copied_ += static_cast<uint64_t>(to_->changes()), Status();
  const int primary = result & 0xff;
  if (primary != SQLITE_CONSTRAINT && primary != SQLITE_MISMATCH) return to_->Error(result);
  ++refused_;
  return {};
}

RowCopier::Prepared RowCopier::Prepare(const std::string& sql) {
  sqlite3_stmt* prepared = nullptr;
  (void)sqlite3_prepare_v2(from_->handle(), sql.c_str(), -1, &prepared, nullptr);
  return Prepared(prepared);
}

Result<RowCopier::Walk> RowCopier::CopyRows(sqlite3_stmt* rows, int64_t low, int64_t high) {
  Walk walk;
  if (rows == nullptr) return walk;
  if (sqlite3_bind_parameter_count(rows) == 2) {
    sqlite3_bind_int64(rows, 1, low);
    sqlite3_bind_int64(rows, 2, high);
  }
  int result = sqlite3_step(rows);
  Status inserted;
  for (; result == SQLITE_ROW && inserted.ok(); result = sqlite3_step(rows)) {
    const int columns = sqlite3_column_count(rows) - 1;
    inserted = InsertRow(rows, columns);
    walk.last_key = sqlite3_column_int64(rows, columns);
    walk.any = true;
  }
  sqlite3_reset(rows);
  TREADLE_RETURN_IF_ERROR(inserted);
  walk.complete = result == SQLITE_DONE;
  return walk;
}

// A gap has nothing readable at both of its ends; its halves may.
Status RowCopier::CopyRange(const std::string& where, const std::string& key, int64_t low,
                            int64_t high) {
  const std::string select = "SELECT *, " + key + " FROM " + table_ + " NOT INDEXED WHERE " +
                             (where.empty() ? "" : where + " AND ") + key +
                             " BETWEEN ?1 AND ?2 ORDER BY " + key;
  const Prepared rising = Prepare(select);
  const Prepared falling = Prepare(select + " DESC");
  if (rising == nullptr || falling == nullptr) return has_gaps_ = true, Status();
  std::priority_queue<Gap> gaps;
  gaps.push({low, high});
  int vain = 0;  // failures, as long as nothing has been read
  while (!gaps.empty()) {
    Gap gap = gaps.top();
    gaps.pop();
    if (failures_left_ <= 0 || vain > kVainMax) return has_gaps_ = true, Status();
    TREADLE_ASSIGN_OR_RETURN(const Walk up, CopyRows(rising.get(), gap.low, gap.high));
    if (up.complete || up.any) vain = std::numeric_limits<int>::min();
    if (up.complete || (up.any && up.last_key >= gap.high)) continue;
    --failures_left_;
    ++vain;
    if (gap.width() == 0) {
      TREADLE_RETURN_IF_ERROR(CopyWithoutPayload(where, key, gap.low));
      continue;
    }
    if (up.any) gap.low = std::max(gap.low, up.last_key + 1);
    TREADLE_ASSIGN_OR_RETURN(const Walk down, CopyRows(falling.get(), gap.low, gap.high));
    if (down.complete || (down.any && down.last_key <= gap.low)) continue;
    if (down.any) gap.high = std::min(gap.high, down.last_key - 1);
    const int64_t middle = gap.low + static_cast<int64_t>(gap.width() / 2);
    gaps.push({gap.low, middle});
    if (middle < gap.high) gaps.push({middle + 1, gap.high});
  }
  return {};
}

Result<bool> RowCopier::CopyEnds(const std::string& where, const std::string& order) {
  const std::string select = "SELECT *, 0 FROM " + table_ + " NOT INDEXED" +
                             (where.empty() ? "" : " WHERE " + where) + " ORDER BY ";
  TREADLE_ASSIGN_OR_RETURN(const Walk up, CopyRows(Prepare(select + order).get(), 0, 0));
  if (up.complete) return true;
  std::string down = order;
  for (size_t at = 0; (at = down.find(',', at)) != std::string::npos; at += 6)
    down.insert(at, " DESC");
  TREADLE_RETURN_IF_ERROR(CopyRows(Prepare(select + down + " DESC").get(), 0, 0).status());
  return false;
}

Status RowCopier::CopyWithoutPayload(const std::string& where, const std::string& key,
                                     int64_t value) {
  has_gaps_ = true;
  if (table_ != "live" && table_ != "done") return {};
  TREADLE_ASSIGN_OR_RETURN(const std::string columns, ColumnsWithoutLast(to_, table_));
  const std::string select = "SELECT " + columns + "x'', " + key + " FROM " + table_ +
                             " NOT INDEXED WHERE " + (where.empty() ? "" : where + " AND ") + key +
                             " BETWEEN ?1 AND ?2";
  TREADLE_ASSIGN_OR_RETURN(const Walk walk, CopyRows(Prepare(select).get(), value, value));
  if (walk.any) ++without_payload_;
  return {};
}

}  // namespace treadle
