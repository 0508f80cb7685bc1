// TaskInserter: puts whole rows of tasks into `live` or `done`.
//
// Tasks that the store cannot have go in by many with one statement: SQLite then keeps its place in
// the table from one row to the next, which is a third of the work. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "store/row_digest.h"
#include "store/sqlite.h"
#include "store/store.h"

namespace treadle {

enum class TaskTable { kLive, kDone };

template <TaskTable table>
class TaskInserter {
 public:
  /// `db` must outlive it.
  explicit TaskInserter(Connection* db);

  /// `change` has a body. If the task is new its row is written by Flush() at the latest, and the
  /// change must live until then. `own_flags`: what the column `flags` has beside the image's.
  Status Insert(const TaskChange& change, uint8_t own_flags);
  /// A row that has the columns of InsertTasks(). At once.
  Status Insert(const Rows& row);
  /// Writes what was held back.
  Status Flush();
  /// Forgets it.
  void Clear() { count_ = 0; }

 private:
  // More gain nothing: finding a row's place no longer counts then.
  static constexpr size_t kRowsAtOnce = 16;

  struct Row {
    const TaskRecord* now;
    uint8_t own_flags;
    std::string terms;
    std::string tags;
    int64_t digest;
  };

  static auto DigestedValues(const Row& row);
  static auto AllValues(const Row& row);
  void Fill(Row* row, const TaskRecord& now, uint8_t own_flags);
  Status InsertMany();
  Status InsertOne(const Row& row);

  Connection* db_;
  RowDigest digest_;
  Statement insert_many_;
  Statement insert_;
  Statement replace_;
  std::array<Row, kRowsAtOnce> rows_;
  size_t count_ = 0;
};

using LiveInserter = TaskInserter<TaskTable::kLive>;
using DoneInserter = TaskInserter<TaskTable::kDone>;

}  // namespace treadle
