// What salvage and mending ask a store file with. Inside store/ only.
#pragma once

#include <string>

#include "store/sqlite/sqlite.h"

namespace treadle {

// More queues, or types, than anybody has: a row that says so is damaged.
inline constexpr int64_t kNumberedMax = 65'536;

/// The one number that `sql` selects; 0 if it selects no row.
inline Result<int64_t> SelectNumber(Connection* db, const std::string& sql) {
  Statement statement(db, sql);
  Rows rows = statement.Query();
  const int64_t number = rows.Next() ? rows.Int(0) : 0;
  TREADLE_RETURN_IF_ERROR(rows.status());
  return number;
}

}  // namespace treadle
