#include "store/task_inserter.h"

#include <span>
#include <tuple>
#include <utility>

#include "store/task_values.h"

namespace treadle {
namespace {

constexpr std::string_view NameOf(TaskTable table) {
  return table == TaskTable::kLive ? "live" : "done";
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
  const TaskRecord& now = *row.now;
  const auto values =
      std::tuple_cat(RowValues(now, row.terms, row.own_flags), BodyValues(*now.body, row.tags));
  if constexpr (table == TaskTable::kLive)
    return values;
  else
    return std::tuple_cat(values, EndValues(now));
}

template <TaskTable table>
auto TaskInserter<table>::AllValues(const Row& row) {
  const TaskRecord& now = *row.now;
  const auto values = std::tuple_cat(DigestedValues(row), std::tuple(row.digest));
  const Blob payload{now.body->payload};
  if constexpr (table == TaskTable::kLive)
    return std::tuple_cat(values, std::tuple(payload));
  else
    return std::tuple_cat(
        values, std::tuple(now.result ? std::optional(Blob{now.result->bytes}) : std::nullopt),
        std::tuple(payload));
}

template <TaskTable table>
void TaskInserter<table>::Fill(Row* row, const TaskRecord& now, uint8_t own_flags) {
  row->now = &now;
  row->own_flags = own_flags;
  row->terms = TermsBytes(now);
  row->tags = TagLines(*now.body);
  row->digest = digest_.Of(DigestedValues(*row));
}

template <TaskTable table>
Status TaskInserter<table>::Insert(const TaskChange& change, uint8_t own_flags) {
  if (!change.is_new) {
    Row row;
    Fill(&row, change.now, own_flags);
    return Run(&replace_, AllValues(row));
  }
  Fill(&rows_[count_++], change.now, own_flags);
  return count_ == kRowsAtOnce ? InsertMany() : Status();
}

template <TaskTable table>
Status TaskInserter<table>::Insert(const Rows& row) {
  TREADLE_RETURN_IF_ERROR(insert_.RunWith(row));
  return db_->changes() > 0 ? Status() : replace_.RunWith(row);
}

template <TaskTable table>
Status TaskInserter<table>::Flush() {
  const size_t count = std::exchange(count_, 0);
  for (const Row& row : std::span(rows_).first(count)) TREADLE_RETURN_IF_ERROR(InsertOne(row));
  return {};
}

template <TaskTable table>
Status TaskInserter<table>::InsertMany() {
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
  TREADLE_RETURN_IF_ERROR(Run(&insert_, values));
  return db_->changes() > 0 ? Status() : Run(&replace_, values);
}

template class TaskInserter<TaskTable::kLive>;
template class TaskInserter<TaskTable::kDone>;

}  // namespace treadle
