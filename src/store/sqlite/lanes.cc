#include "store/sqlite/lanes.h"

#include "base/check.h"
#include "store/sqlite/row_digest.h"

namespace treadle {
namespace {

// Lanes whose last task is gone give their numbers back when a server begins to write to a store
// that has so many.
constexpr size_t kLanesToTidy = 10'000;

Status DamagedLane() {
  return {Code::kDataLoss, "a lane in the store does not match its checksum"};
}

LaneKey KeyAt(const Rows& row, int column) {
  return {row.As<QueueId>(column), row.As<TypeId>(column + 1), row.As<uint8_t>(column + 2)};
}

}  // namespace

LaneFinder::LaneFinder(Connection* db)
    : find_(db, "SELECT " + IsSound("lane") +
                    ", id FROM lane WHERE queue = ?1 AND type = ?2 AND rank = ?3"),
      key_of_(db, "SELECT " + IsSound("lane") + ", queue, type, rank FROM lane WHERE id = ?1") {}

Result<int64_t> LaneFinder::Find(const LaneKey& key) {
  Rows rows = find_.Query(key.queue, key.type, key.rank);
  const bool is_there = rows.Next();
  TREADLE_RETURN_IF_ERROR(rows.status());
  if (!is_there) return kSharedLane;
  if (!rows.As<bool>(0)) return DamagedLane();
  return rows.Int(1);
}

Result<LaneKey> LaneFinder::KeyOf(int64_t lane) {
  Rows rows = key_of_.Query(lane);
  const bool is_there = rows.Next();
  TREADLE_RETURN_IF_ERROR(rows.status());
  if (!is_there)
    return Status(Code::kNotFound, "there is no lane with the number " + std::to_string(lane));
  if (!rows.As<bool>(0)) return DamagedLane();
  return KeyAt(rows, 1);
}

Result<std::map<int64_t, LaneKey>> ReadLanes(Connection* db) {
  std::map<int64_t, LaneKey> lanes;
  Statement statement(db, "SELECT " + IsSound("lane") + ", id, queue, type, rank FROM lane");
  Rows rows = statement.Query();
  while (rows.Next()) {
    if (!rows.As<bool>(0)) return DamagedLane();
    lanes[rows.Int(1)] = KeyAt(rows, 2);
  }
  TREADLE_RETURN_IF_ERROR(rows.status());
  return lanes;
}

LaneMaker::LaneMaker(Connection* db)
    : db_(db),
      insert_(db, InsertRow("lane")),
      shared_(db, "SELECT 1 FROM live WHERE place < ?1 LIMIT 1") {}

Status LaneMaker::Begin() {
  if (!is_read_) TREADLE_RETURN_IF_ERROR(Read());
  if (last_ < kLanesMax) return {};
  TREADLE_ASSIGN_OR_RETURN(shared_in_use_, IsSharedLaneInUse());
  return {};
}

Status LaneMaker::Read() {
  TREADLE_ASSIGN_OR_RETURN(auto by_number, ReadLanes(db_));
  if (by_number.size() > kLanesToTidy) {
    TREADLE_RETURN_IF_ERROR(db_->Execute(
        "DELETE FROM lane WHERE NOT EXISTS (SELECT 1 FROM live WHERE place BETWEEN lane.id << 48"
        " AND (lane.id << 48) + " +
        std::to_string(TaskId::kMaxSequence) + ")"));
    TREADLE_ASSIGN_OR_RETURN(by_number, ReadLanes(db_));
  }
  lanes_.clear();
  for (const auto& [lane, key] : by_number) lanes_[key] = lane;
  last_ = by_number.empty() ? 0 : by_number.rbegin()->first;
  TREADLE_ASSIGN_OR_RETURN(shared_in_use_, IsSharedLaneInUse());
  is_read_ = true;
  return {};
}

Result<bool> LaneMaker::IsSharedLaneInUse() {
  Rows rows = shared_.Query(FirstPlaceOf(1));
  const bool any = rows.Next();
  TREADLE_RETURN_IF_ERROR(rows.status());
  return any;
}

Result<int64_t> LaneMaker::Of(const LaneKey& key) {
  TREADLE_CHECK(is_read_);  // Begin() came first
  if (const int64_t known = Find(key); known != kSharedLane) return known;
  if (shared_in_use_ || last_ >= kLanesMax) {
    shared_in_use_ = true;
    return kSharedLane;
  }
  TREADLE_RETURN_IF_ERROR(insert_.Run(last_ + 1, key.queue, key.type, key.rank));
  ++last_;
  TREADLE_CHECK(last_ > kSharedLane && last_ <= kLanesMax);  // it must fit above a sequence
  return lanes_[key] = last_;
}

int64_t LaneMaker::Find(const LaneKey& key) const {
  const auto known = lanes_.find(key);
  return known == lanes_.end() ? kSharedLane : known->second;
}

}  // namespace treadle
