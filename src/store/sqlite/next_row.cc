#include "store/sqlite/next_row.h"

#include "base/check.h"

namespace treadle {

NextRow::NextRow(Connection* db, const std::string& table, const std::string& id)
    : find_(db, "SELECT " + id + " FROM " + table + " WHERE " + id + " >= ?1 ORDER BY " + id +
                    " LIMIT 1") {}

Result<bool> NextRow::IsWithin(int64_t first, int64_t last) {
  TREADLE_CHECK(first <= last);
  if (!known_ || (next_ && *next_ < first)) {
    Rows rows = find_.Query(first);
    next_ = rows.Next() ? std::optional(rows.Int(0)) : std::nullopt;
    TREADLE_RETURN_IF_ERROR(rows.status());
    known_ = true;
  }
  return next_ && *next_ <= last;
}

}  // namespace treadle
