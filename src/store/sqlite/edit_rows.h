// EditRows(): what a bit that flipped, or another program, would do to tasks. For tests.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "store/sqlite/row.h"
#include "store/sqlite/sqlite.h"

namespace treadle {

/// Rewrites the image of each row that `edit` changes, for which it returns true, and leaves its
/// digest as it was. Rows that are damaged already stay as they are.
inline Status EditRows(Connection* db, TaskTable table, const std::function<bool(TaskRow*)>& edit) {
  std::vector<std::pair<int64_t, std::string>> changed;
  {
    Statement all(db, "SELECT " + RowColumns(table, Parts::kView) + " FROM " + NameOf(table));
    Rows rows = all.Query();
    while (rows.Next()) {
      TaskRow task;
      if (!ReadRow(rows, table, &task).ok() || !edit(&task)) continue;
      EncodeRow(task, &changed.emplace_back(ReadKey(rows), "").second);
    }
    TREADLE_RETURN_IF_ERROR(rows.status());
  }
  Statement put(db, std::string("UPDATE ") + NameOf(table) + " SET image = ?2 WHERE " +
                        KeyOf(table) + " = ?1");
  for (const auto& [key, image] : changed) TREADLE_RETURN_IF_ERROR(put.Run(key, Blob{image}));
  return {};
}

}  // namespace treadle
