#include "store/task_remover.h"

#include <algorithm>
#include <tuple>

#include "store/row.h"

namespace treadle {
namespace {

// Rising ids of which nothing lies between one and the next, or twice the same.
bool AreNeighbours(int64_t id, int64_t next) {
  return static_cast<uint64_t>(next) - static_cast<uint64_t>(id) <= 1;
}

// A checkpoint brings most in order.
template <class T>
void Sort(std::vector<T>* all) {
  if (!std::is_sorted(all->begin(), all->end())) std::sort(all->begin(), all->end());
}

}  // namespace

RemoverById::RemoverById(Connection* db, const std::string& table, const std::string& id)
    : remove_(db, "DELETE FROM " + table + " WHERE " + id + " BETWEEN ?1 AND ?2"),
      next_(db, table, id) {}

Status RemoverById::Remove(std::span<const IdRun> runs) {
  next_.Forget();
  for (const IdRun& run : runs) {
    TREADLE_ASSIGN_OR_RETURN(const bool has_any, next_.IsWithin(run.first, run.last));
    if (has_any) TREADLE_RETURN_IF_ERROR(remove_.Run(run.first, run.last));
  }
  return {};
}

TaskRemover::TaskRemover(Connection* db)
    : live_(db,
            "DELETE FROM live WHERE queue = ?1 AND type = ?2 AND rank = ?3"
            " AND id BETWEEN ?4 AND ?5"),
      done_(db, "done", "id"),
      attempts_(db, "attempt", "task"),
      logs_(db, "log", "task"),
      saved_(db, "saved", "task") {}

void TaskRemover::Add(const TaskChange& change) {
  AddPlace(TaskPlace::Of(change.now.image));
  for (const TaskPlace& place : change.left) AddPlace(place);
  ids_.push_back(static_cast<int64_t>(change.now.image.id.packed));
}

void TaskRemover::AddPlace(const TaskPlace& place) {
  places_.push_back({.queue = place.queue,
                     .type = place.type,
                     .rank = RankOf(place.priority),
                     .id = static_cast<int64_t>(place.id.packed)});
}

Status TaskRemover::Flush() {
  TREADLE_RETURN_IF_ERROR(RemoveLive());
  TREADLE_RETURN_IF_ERROR(RemoveOthers());
  Clear();
  return {};
}

void TaskRemover::Clear() {
  places_.clear();
  ids_.clear();
}

Status TaskRemover::RemoveLive() {
  Sort(&places_);
  for (auto next = places_.begin(); next != places_.end();) {
    const Place& first = *next;
    int64_t last = first.id;
    const auto goes_on = [&](const Place& place) {
      return std::tie(place.queue, place.type, place.rank) ==
                 std::tie(first.queue, first.type, first.rank) &&
             AreNeighbours(last, place.id);
    };
    for (; next != places_.end() && goes_on(*next); ++next) last = next->id;
    TREADLE_RETURN_IF_ERROR(live_.Run(first.queue, first.type, first.rank, first.id, last));
  }
  return {};
}

Status TaskRemover::RemoveOthers() {
  Sort(&ids_);
  std::vector<IdRun> runs;
  for (const int64_t id : ids_)
    if (!runs.empty() && AreNeighbours(runs.back().last, id))
      runs.back().last = id;
    else
      runs.push_back({id, id});
  for (RemoverById* const table : {&done_, &attempts_, &logs_, &saved_})
    TREADLE_RETURN_IF_ERROR(table->Remove(runs));
  return {};
}

}  // namespace treadle
