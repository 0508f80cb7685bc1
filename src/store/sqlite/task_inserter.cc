#include "store/sqlite/task_inserter.h"

#include "base/check.h"

#include <optional>
#include <span>
#include <tuple>
#include <utility>

namespace treadle {
namespace {

// As the store counts what is kept of an ended task.
uint32_t KeptBytes(const TaskRecord& now) {
  TREADLE_CHECK(now.body != nullptr);  // only a whole row is inserted
  return static_cast<uint32_t>(now.body->payload.size() +
                               (now.result ? now.result->bytes.size() : 0) +
                               (now.error ? now.error->message.size() : 0));
}

}  // namespace

// SQLite keeps copies of pages for a statement that may have to replace rows. A new task has none,
// but for what a checkpoint left behind that could not go on.
template <TaskTable table>
TaskInserter<table>::TaskInserter(Connection* db)
    : db_(db),
      insert_many_(db, InsertTasks("IGNORE", NameOf(table), kRowsAtOnce)),
      insert_(db, InsertTasks("IGNORE", NameOf(table), 1)),
      replace_(db, InsertTasks("REPLACE", NameOf(table), 1)) {}

template <TaskTable table>
auto TaskInserter<table>::DigestedValues(const Row& row) {
  if constexpr (table == TaskTable::kLive)
    return LiveValues(row.place, row.image, row.bytes);
  else
    return DoneValues(row.image, row.bytes);
}

template <TaskTable table>
auto TaskInserter<table>::AllValues(const Row& row) {
  const auto values = std::tuple_cat(DigestedValues(row), std::tuple(row.digest));
  const std::tuple payload(Blob{row.payload});
  if constexpr (table == TaskTable::kLive) {
    return std::tuple_cat(values, payload);
  } else {
    const std::tuple result(row.has_result ? std::optional(Blob{row.result}) : std::nullopt);
    return std::tuple_cat(values, result, payload);
  }
}

template <TaskTable table>
void TaskInserter<table>::Fill(const TaskRow& task, int64_t place, Row* row) {
  row->image = task.image;
  row->place = place;
  EncodeRow(task, &row->bytes);
  row->digest = digest_.Of(DigestedValues(*row));
  row->has_result = task.result.has_value();
}

template <TaskTable table>
Status TaskInserter<table>::Insert(const TaskChange& change, int64_t place, bool searched) {
  const TaskRecord& now = change.now;
  TaskRow task = RowOf(now, &texts_);
  task.searched = searched;
  task.bytes = KeptBytes(now);
  const std::string_view result = now.result ? now.result->bytes : std::string_view();
  if (!change.is_new) return Insert(task, place, result, now.body->payload);
  TREADLE_CHECK(count_ < kRowsAtOnce);
  Row& row = rows_[count_++];
  Fill(task, place, &row);
  row.result = result;
  row.payload = now.body->payload;
  return count_ == kRowsAtOnce ? InsertMany() : Status();
}

template <TaskTable table>
Status TaskInserter<table>::Insert(const TaskRow& task, int64_t place, std::string_view result,
                                   std::string_view payload) {
  Fill(task, place, &at_once_);
  at_once_.result = result;
  at_once_.payload = payload;
  return InsertOne(at_once_);
}

template <TaskTable table>
Status TaskInserter<table>::Flush() {
  const size_t count = std::exchange(count_, 0);
  for (const Row& row : std::span(rows_).first(count)) TREADLE_RETURN_IF_ERROR(InsertOne(row));
  return {};
}

template <TaskTable table>
Status TaskInserter<table>::InsertMany() {
  TREADLE_CHECK(count_ == kRowsAtOnce);  // the statement has as many parameters
  int place = 1;
  for (const Row& row : rows_) {
    const auto values = AllValues(row);
    TREADLE_RETURN_IF_ERROR(std::apply(
        [&](const auto&... each) { return insert_many_.BindFrom(place, each...); }, values));
    place += static_cast<int>(std::tuple_size_v<decltype(values)>);
  }
  TREADLE_RETURN_IF_ERROR(insert_many_.RunBound());
  const bool all_were_new = db_->changes() == int64_t{kRowsAtOnce};
  if (!all_were_new) return Flush();
  count_ = 0;
  return {};
}

template <TaskTable table>
Status TaskInserter<table>::InsertOne(const Row& row) {
  const auto values = AllValues(row);
  TREADLE_RETURN_IF_ERROR(insert_.RunTuple(values));
  return db_->changes() > 0 ? Status() : replace_.RunTuple(values);
}

template class TaskInserter<TaskTable::kLive>;
template class TaskInserter<TaskTable::kDone>;

}  // namespace treadle
