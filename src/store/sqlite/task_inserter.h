// TaskInserter: puts whole rows of tasks into `live` or `done`.
//
// Tasks that the store cannot have go in by many with one statement: SQLite then keeps its place in
// the table from one row to the next, which is a third of the work. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "store/sqlite/row.h"
#include "store/sqlite/row_digest.h"
#include "store/sqlite/sqlite.h"
#include "store/store.h"

namespace treadle {

template <TaskTable table>
class TaskInserter {
 public:
  /// `db` must outlive it.
  explicit TaskInserter(Connection* db);

  /// `change` has a body. If the task is new its row is written by Flush() at the latest, and the
  /// change must live until then. `place` in `live`; `searched` as TaskRow has it.
  Status Insert(const TaskChange& change, int64_t place, bool searched);
  /// At once.
  Status Insert(const TaskRow& task, int64_t place, std::string_view result,
                std::string_view payload);
  /// Writes what was held back.
  Status Flush();
  /// Forgets it.
  void Clear() { count_ = 0; }

 private:
  // More gain nothing: finding a row's place no longer counts then.
  static constexpr size_t kRowsAtOnce = 16;

  struct Row {
    TaskImage image;
    int64_t place = 0;
    std::string bytes;  // of its column `image`
    int64_t digest = 0;
    bool has_result = false;
    std::string_view result;
    std::string_view payload;
  };

  static auto DigestedValues(const Row& row);
  static auto AllValues(const Row& row);
  void Fill(const TaskRow& task, int64_t place, Row* row);
  Status InsertMany();
  Status InsertOne(const Row& row);

  Connection* db_;
  RowDigest digest_;
  Statement insert_many_;
  Statement insert_;
  Statement replace_;
  TaskRowTexts texts_;
  std::array<Row, kRowsAtOnce> rows_;
  size_t count_ = 0;
  Row at_once_;
};

using LiveInserter = TaskInserter<TaskTable::kLive>;
using DoneInserter = TaskInserter<TaskTable::kDone>;

}  // namespace treadle
