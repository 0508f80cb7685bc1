#include "store/sqlite/task_remover.h"

#include "base/check.h"

#include <algorithm>

namespace treadle {
namespace {

// Rising ids of which nothing lies between one and the next, or twice the same.
bool AreNeighbours(int64_t id, int64_t next) {
  TREADLE_CHECK(id <= next);
  return static_cast<uint64_t>(next) - static_cast<uint64_t>(id) <= 1;
}

// Leaves `all` sorted, as a checkpoint brings most.
std::vector<IdRun> RunsOf(std::vector<int64_t>* all) {
  if (!std::is_sorted(all->begin(), all->end())) std::sort(all->begin(), all->end());
  std::vector<IdRun> runs;
  for (const int64_t id : *all)
    if (!runs.empty() && AreNeighbours(runs.back().last, id))
      runs.back().last = id;
    else
      runs.push_back({id, id});
  return runs;
}

}  // namespace

RemoverById::RemoverById(Connection* db, const std::string& table, const std::string& id)
    : remove_(db, "DELETE FROM " + table + " WHERE " + id + " BETWEEN ?1 AND ?2"),
      next_(db, table, id) {}

Status RemoverById::Remove(std::span<const IdRun> runs) {
  next_.Forget();
  for (const IdRun& run : runs) {
    TREADLE_CHECK(run.first <= run.last);
    TREADLE_ASSIGN_OR_RETURN(const bool has_any, next_.IsWithin(run.first, run.last));
    if (has_any) TREADLE_RETURN_IF_ERROR(remove_.Run(run.first, run.last));
  }
  return {};
}

TaskRemover::TaskRemover(Connection* db, const LaneMaker* lanes)
    : lanes_(lanes),
      live_(db, "live", "place"),
      done_(db, "done", "id"),
      attempts_(db, "attempt", "task"),
      logs_(db, "log", "task"),
      saved_(db, "saved", "task") {}

void TaskRemover::Add(const TaskChange& change) {
  AddPlace(TaskPlace::Of(change.now.image));
  for (const TaskPlace& place : change.left) AddPlace(place);
  TREADLE_CHECK(change.is_gone);
  ids_.push_back(static_cast<int64_t>(change.now.image.id.packed));
}

void TaskRemover::AddPlace(const TaskPlace& place) {
  AddPlace(PlaceIn(lanes_->Find(LaneKey::Of(place)), place.id));
}

Status TaskRemover::Flush() {
  TREADLE_RETURN_IF_ERROR(live_.Remove(RunsOf(&places_)));
  const std::vector<IdRun> runs = RunsOf(&ids_);
  for (RemoverById* const table : {&done_, &attempts_, &logs_, &saved_})
    TREADLE_RETURN_IF_ERROR(table->Remove(runs));
  Clear();
  return {};
}

void TaskRemover::Clear() {
  places_.clear();
  ids_.clear();
}

}  // namespace treadle
