#include "store/sqlite/loader.h"

#include "base/check.h"

#include <algorithm>
#include <tuple>

namespace treadle {
namespace {

// Rows that are not wanted and still cheaper to pass over than to search again.
constexpr int kPassOver = 4;

}  // namespace

Loader::Loader(Connection* db)
    : db_(db),
      lanes_(db),
      range_(db, "SELECT " + RowColumns(TaskTable::kLive, Parts::kWhole) +
                     " FROM live WHERE place BETWEEN ?1 AND ?2 ORDER BY place"),
      done_(db,
            "SELECT " + RowColumns(TaskTable::kDone, Parts::kWhole) + " FROM done WHERE id = ?1"),
      trail_(db) {}

Result<std::vector<TaskRecord>> Loader::Load(const std::vector<TaskPlace>& places) {
  std::vector<TaskPlace> sorted = places;
  const auto order = [](const TaskPlace& place) {
    return std::tuple(LaneKey::Of(place), place.id);
  };
  std::sort(sorted.begin(), sorted.end(),
            [&](const TaskPlace& a, const TaskPlace& b) { return order(a) < order(b); });

  std::vector<TaskRecord> records;
  records.reserve(places.size());
  ended_.clear();
  Transaction snapshot(db_);
  TREADLE_RETURN_IF_ERROR(snapshot.Begin(Transaction::Kind::kRead));
  for (auto lane = sorted.begin(); lane != sorted.end();) {
    const auto end = std::find_if(lane, sorted.end(), [&](const TaskPlace& place) {
      return LaneKey::Of(place) != LaneKey::Of(*lane);
    });
    TREADLE_RETURN_IF_ERROR(LoadLane(Places(lane, end), &records));
    lane = end;
  }
  TREADLE_RETURN_IF_ERROR(LoadEnded(&records));
  TREADLE_RETURN_IF_ERROR(snapshot.Commit());
  TREADLE_CHECK(records.size() <= places.size());
  return records;
}

Status Loader::LoadLane(Places places, std::vector<TaskRecord>* records) {
  TREADLE_CHECK(!places.empty());
  if (places.front().queue == 0) {
    for (const TaskPlace& place : places) ended_.push_back(place.id);
    return {};
  }
  TREADLE_ASSIGN_OR_RETURN(const int64_t lane, lanes_.Find(LaneKey::Of(places.front())));
  while (!places.empty()) TREADLE_RETURN_IF_ERROR(Scan(lane, &places, records));
  return {};
}

Status Loader::Scan(int64_t lane, Places* places, std::vector<TaskRecord>* records) {
  TREADLE_CHECK(!places->empty());
  const auto wanted = [&] { return PlaceIn(lane, places->front().id); };
  Rows rows = range_.Query(wanted(), PlaceIn(lane, places->back().id));
  int passed_over = 0;
  while (!places->empty() && passed_over < kPassOver) {
    const bool found = rows.Next();
    TREADLE_RETURN_IF_ERROR(rows.status());
    while (!places->empty() && (!found || wanted() < ReadKey(rows))) {
      ended_.push_back(places->front().id);
      *places = places->subspan(1);
    }
    if (places->empty()) return {};
    ++passed_over;
    if (wanted() != ReadKey(rows)) continue;
    TREADLE_RETURN_IF_ERROR(Read(rows, TaskTable::kLive, places->front().id, records));
    *places = places->subspan(1);
    passed_over = 0;
  }
  return {};
}

Status Loader::LoadEnded(std::vector<TaskRecord>* records) {
  TREADLE_CHECK(db_->in_transaction());  // it did not end between the two looks
  std::sort(ended_.begin(), ended_.end());
  for (const TaskId id : ended_) {
    Rows rows = done_.Query(id.packed);
    if (rows.Next()) TREADLE_RETURN_IF_ERROR(Read(rows, TaskTable::kDone, id, records));
    TREADLE_RETURN_IF_ERROR(rows.status());
  }
  return {};
}

Status Loader::Read(const Rows& row, TaskTable table, TaskId id, std::vector<TaskRecord>* records) {
  TaskRecord& record = records->emplace_back();
  record.image.id = id;
  TREADLE_RETURN_IF_ERROR(ReadRecord(row, table, Parts::kWhole, &record));
  if (record.terms == nullptr || !record.terms->has_saved) return {};
  TREADLE_ASSIGN_OR_RETURN(SavedRows saved, trail_.Saved(record.image.id));
  // The next attempt would continue from it.
  const bool is_lost = saved.saved == nullptr && !IsTerminal(record.image.state);
  if (!saved.is_sound || is_lost) record.body = nullptr;
  record.saved = std::move(saved.saved);
  return {};
}

}  // namespace treadle
