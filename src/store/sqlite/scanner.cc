#include "store/sqlite/scanner.h"

#include <map>
#include <tuple>
#include <utility>

#include "base/bytes.h"
#include "store/sqlite/key.h"
#include "store/sqlite/lanes.h"
#include "store/sqlite/row.h"
#include "store/sqlite/row_digest.h"

namespace treadle {
namespace {

// Calls `each(rows)` for all rows of `sql` until it fails.
template <class Each>
Status ForEachRow(Connection* db, const std::string& sql, Each each) {
  Statement statement(db, sql);
  Rows rows = statement.Query();
  while (rows.Next()) TREADLE_RETURN_IF_ERROR(each(rows));
  return rows.status();
}

// The first column of `row` says whether the row matches its digest.
Status CheckSound(const Rows& row, const std::string& what) {
  if (row.As<bool>(0)) return {};
  return {Code::kDataLoss, "the store's row of " + what + " does not match its checksum"};
}

Status ScanQueues(Connection* db, const Store::Visitor& visit) {
  const std::string sql =
      "SELECT " + IsSound("queue") + ", id, name, policy FROM queue ORDER BY id";
  return ForEachRow(db, sql, [&](const Rows& row) {
    QueueIsNow queue{.id = row.As<QueueId>(1), .name = row.String(2)};
    TREADLE_RETURN_IF_ERROR(CheckSound(row, "queue " + queue.name));
    ByteReader policy(row.Bytes(3));
    queue.policy = DecodePolicy(&policy);
    if (policy.failed())
      return Status(Code::kDataLoss, "the store's policy of queue " + queue.name + " is damaged");
    return visit.queue(queue);
  });
}

Status ScanTypes(Connection* db, const Store::Visitor& visit) {
  const std::string sql = "SELECT " + IsSound("type") + ", id, name, policy FROM type ORDER BY id";
  return ForEachRow(db, sql, [&](const Rows& row) {
    TypeIsNow type{.id = row.As<TypeId>(1), .name = row.String(2)};
    TREADLE_RETURN_IF_ERROR(CheckSound(row, "type " + type.name));
    ByteReader policy(row.Bytes(3));
    type.policy = DecodeTypePolicy(&policy);
    if (policy.failed())
      return Status(Code::kDataLoss, "the store's policy of type " + type.name + " is damaged");
    return visit.type(type);
  });
}

Status ScanCounters(Connection* db, const Store::Visitor& visit) {
  const std::string sql =
      "SELECT " + IsSound("counters") +
      ", queue, accepted, completed_next, completed_from, dead_next, dead_from,"
      " cancelled_next, cancelled_from, expired_next, expired_from, removed_retention, "
      "removed_deleted, removed_moved,"
      " removed_replaced"
      " FROM counters ORDER BY queue";
  return ForEachRow(db, sql, [&](const Rows& row) {
    CountersAreNow counters{.queue = row.As<QueueId>(1), .accepted = row.As<uint64_t>(2)};
    TREADLE_RETURN_IF_ERROR(
        CheckSound(row, "the counters of queue " + std::to_string(counters.queue)));
    int column = 3;
    for (EndedRange& range : counters.ended)
      range = {row.As<uint64_t>(column++), row.As<uint64_t>(column++)};
    for (uint64_t& count : counters.removed) count = row.As<uint64_t>(column++);
    return visit.counters(counters);
  });
}

Status ScanKeys(Connection* db, const Store::Visitor& visit) {
  const std::string sql =
      "SELECT " + IsSound("idempotency") + ", key, request_hash, task, expires_ms FROM idempotency";
  return ForEachRow(db, sql, [&](const Rows& row) {
    TREADLE_RETURN_IF_ERROR(CheckSound(row, "an idempotency key"));
    return visit.key({.id = KeyFromBytes(row.Bytes(1)),
                      .request_hash = row.As<uint64_t>(2),
                      .task = {row.As<uint64_t>(3)},
                      .expires = {row.Int(4)}});
  });
}

// A row is in its own lane or in the shared lane.
Status CheckPlace(const std::map<int64_t, LaneKey>& lanes, int64_t place, const TaskImage& image) {
  const auto lane = lanes.find(LaneOf(place));
  const bool is_right =
      LaneOf(place) == kSharedLane || (lane != lanes.end() && lane->second == LaneKey::Of(image));
  if (is_right && PlaceIn(LaneOf(place), image.id) == place) return {};
  return {Code::kDataLoss,
          "the store's row of task " + image.id.ToString() + " is in the wrong lane or place"};
}

Status ScanLive(Connection* db, const Store::Visitor& visit) {
  TREADLE_ASSIGN_OR_RETURN(const auto lanes, ReadLanes(db));
  const std::string sql = "SELECT " + RowColumns(TaskTable::kLive, Parts::kView) +
                          ", length(payload) FROM live ORDER BY place";
  const int payload_bytes = ColumnCount(TaskTable::kLive, Parts::kView);
  TaskRow task;
  TaskRecord record;
  return ForEachRow(db, sql, [&](const Rows& row) {
    TREADLE_RETURN_IF_ERROR(ReadRow(row, TaskTable::kLive, &task));
    TREADLE_RETURN_IF_ERROR(CheckPlace(lanes, ReadKey(row), task.image));
    record.image = task.image;
    record.holder = HolderOf(task);
    TREADLE_RETURN_IF_ERROR(ReadTerms(task, &record.terms));
    return visit.task(record, row.As<uint32_t>(payload_bytes));
  });
}

Status ScanDone(Connection* db, const Store::Visitor& visit) {
  const std::string sql = "SELECT " + RowColumns(TaskTable::kDone, Parts::kView) +
                          " FROM done INDEXED BY done_retention"
                          " ORDER BY queue, state, ordinal";
  TaskRow task;
  std::tuple<QueueId, TaskState, uint64_t> last{};
  return ForEachRow(db, sql, [&](const Rows& row) {
    TREADLE_RETURN_IF_ERROR(ReadRow(row, TaskTable::kDone, &task));
    const TaskImage& image = task.image;
    // An entry of the index that names another row than its own brings that one twice.
    const auto place = std::tuple(image.queue, image.state, image.ordinal);
    if (place <= std::exchange(last, place))
      return Status(Code::kDataLoss,
                    "an index of the store leads to the wrong ended task, " + image.id.ToString());
    return visit.ended(image, task.bytes);
  });
}

}  // namespace

Status ScanAll(Connection* db, const Store::Visitor& visit) {
  Transaction snapshot(db);
  TREADLE_RETURN_IF_ERROR(snapshot.Begin(Transaction::Kind::kRead));
  for (const auto scan : {ScanQueues, ScanTypes, ScanCounters, ScanKeys, ScanLive, ScanDone})
    TREADLE_RETURN_IF_ERROR(scan(db, visit));
  return snapshot.Commit();
}

}  // namespace treadle
