#include "store/scanner.h"

#include "base/bytes.h"
#include "store/key.h"
#include "store/row.h"

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

Status ScanQueues(Connection* db, const Store::Visitor& visit) {
  return ForEachRow(db, "SELECT id, name, policy FROM queue ORDER BY id", [&](const Rows& row) {
    QueueIsNow queue{.id = row.As<QueueId>(0), .name = row.String(1)};
    ByteReader policy(row.Bytes(2));
    queue.policy = DecodePolicy(&policy);
    if (policy.failed())
      return Status(Code::kDataLoss, "the store's policy of queue " + queue.name + " is damaged");
    return visit.queue(queue);
  });
}

Status ScanTypes(Connection* db, const Store::Visitor& visit) {
  return ForEachRow(db, "SELECT id, name, policy FROM type ORDER BY id", [&](const Rows& row) {
    TypeIsNow type{.id = row.As<TypeId>(0), .name = row.String(1)};
    ByteReader policy(row.Bytes(2));
    type.policy = DecodeTypePolicy(&policy);
    if (policy.failed())
      return Status(Code::kDataLoss, "the store's policy of type " + type.name + " is damaged");
    return visit.type(type);
  });
}

Status ScanCounters(Connection* db, const Store::Visitor& visit) {
  const char* sql =
      "SELECT queue, accepted, completed_next, completed_from, dead_next, dead_from,"
      " cancelled_next, cancelled_from, expired_next, expired_from, removed_retention, "
      "removed_deleted, removed_moved,"
      " removed_replaced"
      " FROM counters ORDER BY queue";
  return ForEachRow(db, sql, [&](const Rows& row) {
    CountersAreNow counters{.queue = row.As<QueueId>(0), .accepted = row.As<uint64_t>(1)};
    int column = 2;
    for (EndedRange& range : counters.ended)
      range = {row.As<uint64_t>(column++), row.As<uint64_t>(column++)};
    for (uint64_t& count : counters.removed) count = row.As<uint64_t>(column++);
    return visit.counters(counters);
  });
}

Status ScanKeys(Connection* db, const Store::Visitor& visit) {
  const char* sql = "SELECT key, request_hash, task, expires_ms FROM idempotency";
  return ForEachRow(db, sql, [&](const Rows& row) {
    return visit.key({.id = KeyFromBytes(row.Bytes(0)),
                      .request_hash = row.As<uint64_t>(1),
                      .task = {row.As<uint64_t>(2)},
                      .expires = {row.Int(3)}});
  });
}

Status ScanLive(Connection* db, const Store::Visitor& visit) {
  const std::string sql = "SELECT " + LiveColumns(Parts::kImage) +
                          ", length(payload) FROM live ORDER BY queue, type, rank, id";
  TaskRecord record;
  return ForEachRow(db, sql, [&](const Rows& row) {
    TREADLE_RETURN_IF_ERROR(ReadImage(row, &record.image));
    record.holder = ReadHolder(row);
    TREADLE_RETURN_IF_ERROR(ReadTerms(row, &record.terms));
    return visit.task(record, row.As<uint32_t>(ColumnCount(Parts::kImage)));
  });
}

Status ScanDone(Connection* db, const Store::Visitor& visit) {
  const std::string sql = "SELECT " + DoneColumns(Parts::kImage) +
                          ", bytes FROM done INDEXED BY done_retention"
                          " ORDER BY queue, state, ordinal";
  TaskImage image;
  return ForEachRow(db, sql, [&](const Rows& row) {
    TREADLE_RETURN_IF_ERROR(ReadImage(row, &image));
    return visit.ended(image, row.As<uint32_t>(ColumnCount(Parts::kImage)));
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
