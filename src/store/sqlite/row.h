// Rows of the tables `live` and `done` as tasks.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "model/task.h"
#include "store/sqlite/sqlite.h"
#include "store/sqlite/task_row.h"

namespace treadle {

enum class TaskTable { kLive, kDone };
constexpr const char* NameOf(TaskTable table) {
  return table == TaskTable::kLive ? "live" : "done";
}
/// The column by which a row is found: a place in `live`, a task's id in `done`.
constexpr const char* KeyOf(TaskTable table) { return table == TaskTable::kLive ? "place" : "id"; }

/// How much of a task a query reads. What comes later in a row is not even fetched from the file.
enum class Parts {
  kView,            // all that the digest covers: without payload and result
  kViewWithResult,  // without payload
  kWhole,
};

/// What to select from the table so that the functions below understand it.
std::string RowColumns(TaskTable table, Parts parts);
/// How many columns those are, for what a query selects after them.
int ColumnCount(TaskTable table, Parts parts);

/// Task ids as SQLite orders them.
inline int64_t RowId(TaskId id) { return static_cast<int64_t>(id.packed); }
/// Past every row of a lane. (SQLite searches `>` on fewer columns than the key has as `>=`, and
/// would walk the lane.)
inline constexpr int64_t kLastId = std::numeric_limits<int64_t>::max();

/// As KeyOf() names it.
int64_t ReadKey(const Rows& row);
/// The current row, which the task points into. DATA_LOSS: it does not match its digest, or is none
/// of a task.
Status ReadRow(const Rows& row, TaskTable table, TaskRow* task);
/// The same, but for a damaged row its apparent contents, as one whose payload is damaged. False:
/// it has none.
bool ReadRowOrDamage(const Rows& row, TaskTable table, TaskRow* task);
/// Of what was selected whole.
std::string_view ReadPayload(const Rows& row, TaskTable table);
std::string_view ReadResult(const Rows& row, TaskTable table);

std::optional<LeaseHolder> HolderOf(const TaskRow& row);
/// Its terms; null if it has none. DATA_LOSS: they cannot be read.
Status ReadTerms(const TaskRow& row, std::shared_ptr<const TaskTerms>* terms);
/// All that was selected. `record` has nothing but the id by which the row was found, if it is
/// known. A payload or result that does not match its digest is damaged: the body, or the result,
/// stays null. DATA_LOSS like ReadRow; but a whole row that does not match its digest leaves the
/// record as it is.
Status ReadRecord(const Rows& row, TaskTable table, Parts parts, TaskRecord* record);
/// The same of a row that was read already. DATA_LOSS: the terms cannot be read.
Status ReadRecord(const Rows& row, TaskTable table, Parts parts, const TaskRow& task,
                  TaskRecord* record);

/// Values of a row that the digest covers, in its order; `bytes` are what EncodeRow() made of the
/// task, and must outlive them.
inline auto LiveValues(int64_t place, const TaskImage& image, std::string_view bytes) {
  return std::tuple(place, static_cast<uint8_t>(image.state), Blob{bytes});
}
inline auto DoneValues(const TaskImage& image, std::string_view bytes) {
  return std::tuple(image.id.packed, image.queue, image.type, static_cast<uint8_t>(image.state),
                    image.ordinal, image.has_trail, Blob{bytes});
}

}  // namespace treadle
