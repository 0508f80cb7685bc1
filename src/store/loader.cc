#include "store/loader.h"

#include <algorithm>
#include <tuple>

#include "store/row.h"

namespace treadle {
namespace {

// Rows that are not wanted and still cheaper to pass over than to search again.
constexpr int kPassOver = 4;

auto LaneOf(const TaskPlace& place) {
  return std::tuple(place.queue, place.type, RankOf(place.priority));
}

// As SQLite orders them.
int64_t RowId(TaskId id) { return static_cast<int64_t>(id.packed); }

}  // namespace

Loader::Loader(Connection* db)
    : db_(db),
      range_(db, "SELECT " + LiveColumns(Parts::kWhole) +
                     " FROM live WHERE queue = ?1 AND type = ?2 AND rank = ?3"
                     " AND id BETWEEN ?4 AND ?5 ORDER BY id"),
      done_(db, "SELECT " + DoneColumns(Parts::kWhole) + " FROM done WHERE id = ?1"),
      trail_(db) {}

Result<std::vector<TaskRecord>> Loader::Load(const std::vector<TaskPlace>& places) {
  std::vector<TaskPlace> sorted = places;
  const auto order = [](const TaskPlace& p) { return std::tuple(LaneOf(p), RowId(p.id)); };
  std::sort(sorted.begin(), sorted.end(),
            [&](const TaskPlace& a, const TaskPlace& b) { return order(a) < order(b); });

  std::vector<TaskRecord> records;
  records.reserve(places.size());
  ended_.clear();
  Transaction snapshot(db_);
  TREADLE_RETURN_IF_ERROR(snapshot.Begin(Transaction::Kind::kRead));
  for (auto lane = sorted.begin(); lane != sorted.end();) {
    const auto end = std::find_if(lane, sorted.end(),
                                  [&](const TaskPlace& p) { return LaneOf(p) != LaneOf(*lane); });
    TREADLE_RETURN_IF_ERROR(LoadLane(Places(lane, end), &records));
    lane = end;
  }
  TREADLE_RETURN_IF_ERROR(LoadEnded(&records));
  TREADLE_RETURN_IF_ERROR(snapshot.Commit());
  return records;
}

Status Loader::LoadLane(Places places, std::vector<TaskRecord>* records) {
  if (places.front().queue == 0) {
    for (const TaskPlace& place : places) ended_.push_back(place.id);
    return {};
  }
  while (!places.empty()) TREADLE_RETURN_IF_ERROR(Scan(&places, records));
  return {};
}

Status Loader::Scan(Places* places, std::vector<TaskRecord>* records) {
  const TaskPlace& first = places->front();
  Rows rows = range_.Query(first.queue, first.type, RankOf(first.priority), RowId(first.id),
                           RowId(places->back().id));
  int passed_over = 0;
  while (!places->empty() && passed_over < kPassOver) {
    const bool found = rows.Next();
    TREADLE_RETURN_IF_ERROR(rows.status());
    while (!places->empty() && (!found || RowId(places->front().id) < RowId(ReadId(rows)))) {
      ended_.push_back(places->front().id);
      *places = places->subspan(1);
    }
    if (places->empty()) return {};
    ++passed_over;
    if (RowId(places->front().id) != RowId(ReadId(rows))) continue;
    TREADLE_RETURN_IF_ERROR(Read(rows, records));
    *places = places->subspan(1);
    passed_over = 0;
  }
  return {};
}

Status Loader::LoadEnded(std::vector<TaskRecord>* records) {
  std::sort(ended_.begin(), ended_.end());
  for (const TaskId id : ended_) {
    Rows rows = done_.Query(id.packed);
    if (rows.Next()) TREADLE_RETURN_IF_ERROR(Read(rows, records));
    TREADLE_RETURN_IF_ERROR(rows.status());
  }
  return {};
}

Status Loader::Read(const Rows& row, std::vector<TaskRecord>* records) {
  TaskRecord& record = records->emplace_back();
  TREADLE_RETURN_IF_ERROR(ReadRecord(row, Parts::kWhole, &record));
  if (record.terms == nullptr || !record.terms->has_saved) return {};
  TREADLE_ASSIGN_OR_RETURN(SavedRows saved, trail_.Saved(record.image.id));
  // The next attempt would go on from it.
  const bool is_lost = saved.saved == nullptr && !IsTerminal(record.image.state);
  if (!saved.is_sound || is_lost) record.body = nullptr;
  record.saved = std::move(saved.saved);
  return {};
}

}  // namespace treadle
