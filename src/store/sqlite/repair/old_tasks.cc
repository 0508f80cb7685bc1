#include "store/sqlite/repair/old_tasks.h"

#include <string>

#include "store/sqlite/lanes.h"
#include "store/sqlite/row.h"
#include "store/sqlite/task_inserter.h"

namespace treadle {
namespace {

// What the digest of version 3 covered, in its order; a waiting task had the first of them.
#define TREADLE_LIVE_COLUMNS                                                                      \
  "queue, type, rank, id, state, flags, max_attempts, unspent, attempt, term, exchange, when_ms," \
  " enqueued_at_ms, started_at_ms, worker_losses, terms, worker, incarnation, build, error_code," \
  " error_message, content_type, idempotency_key, tags, payload_sha256"
constexpr char kLiveColumns[] = TREADLE_LIVE_COLUMNS;
constexpr char kDoneColumns[] =
    TREADLE_LIVE_COLUMNS ", ordinal, finished_at_ms, bytes, result_content_type, result_sha256";
#undef TREADLE_LIVE_COLUMNS

enum Column : int {
  kQueue,
  kType,
  kRank,
  kId,
  kState,
  kFlags,
  kMaxAttempts,
  kUnspent,
  kAttempt,
  kTerm,
  kExchange,
  kWhen,
  kEnqueuedAt,
  kStartedAt,
  kWorkerLosses,
  kTerms,
  kWorker,
  kIncarnation,
  kBuild,
  kErrorCode,
  kErrorMessage,
  kContentType,
  kIdempotencyKey,
  kTags,
  kPayloadSha256,
  kOrdinal,
  kFinishedAt,
  kBytes,
  kResultContentType,
  kResultSha256,
  kIsSound,
  kResult,
  kPayload,
};

std::string Select(TaskTable table, bool has_digests) {
  const bool live = table == TaskTable::kLive;
  const std::string columns = live ? kLiveColumns : kDoneColumns;
  return "SELECT " + columns + (live ? ", 0, NULL, NULL, NULL, NULL, " : ", ") +
         (has_digests ? "digest IS row_digest(" + columns + ")" : "1") +
         (live ? ", NULL, payload FROM live_old ORDER BY queue, type, rank, id"
               : ", result, payload FROM done_old ORDER BY id");
}

TaskImage ReadImage(const Rows& row) {
  TaskImage image{.id = {row.As<uint64_t>(kId)}};
  image.queue = row.As<QueueId>(kQueue);
  image.type = row.As<TypeId>(kType);
  image.priority = RankOf(row.As<uint8_t>(kRank));
  image.state = row.As<TaskState>(kState);
  image.max_attempts = row.As<uint16_t>(kMaxAttempts);
  image.unspent = row.As<uint32_t>(kUnspent);
  image.attempt = row.As<uint32_t>(kAttempt);
  image.term = row.As<uint32_t>(kTerm);
  image.exchange = row.As<uint32_t>(kExchange);
  image.when_ms = row.Int(kWhen);
  image.enqueued_at = {row.Int(kEnqueuedAt)};
  image.started_at = {row.Int(kStartedAt)};
  image.worker_losses = row.As<uint16_t>(kWorkerLosses);
  image.ordinal = row.As<uint64_t>(kOrdinal);
  image.finished_at = {row.Int(kFinishedAt)};
  return image;
}

TaskRow ReadTask(const Rows& row) {
  TaskRow task{.image = ReadImage(row)};
  SetFlags(row.As<uint8_t>(kFlags), &task);
  task.bytes = row.As<uint32_t>(kBytes);
  task.payload_sha256 = Sha256FromRaw(row.Bytes(kPayloadSha256)).value_or(Sha256{});
  if (!row.IsNull(kWorker))
    task.holder = {row.Bytes(kWorker), row.As<uint64_t>(kIncarnation), row.Bytes(kBuild)};
  if (!row.IsNull(kErrorCode)) task.error = {row.Bytes(kErrorCode), row.Bytes(kErrorMessage)};
  if (const auto sha256 = Sha256FromRaw(row.Bytes(kResultSha256)))
    task.result = {*sha256, row.Bytes(kResultContentType)};
  task.content_type = row.Bytes(kContentType);
  task.idempotency_key = row.Bytes(kIdempotencyKey);
  task.tags = row.Bytes(kTags);
  task.terms = row.Bytes(kTerms);
  return task;
}

template <TaskTable table>
Status TakeOver(Connection* db, bool has_digests) {
  LaneMaker lanes(db);
  TREADLE_RETURN_IF_ERROR(lanes.Begin());
  TaskInserter<table> inserter(db);
  Statement statement(db, Select(table, has_digests));
  Rows rows = statement.Query();
  while (rows.Next()) {
    const TaskRow task = ReadTask(rows);
    if (!rows.As<bool>(kIsSound))
      return Status(Code::kDataLoss,
                    db->path() + ": the row of task " + task.image.id.ToString() +
                        " does not match its checksum; repair it with the Treadle that wrote it");
    int64_t lane = kSharedLane;
    if (table == TaskTable::kLive) {
      TREADLE_ASSIGN_OR_RETURN(lane, lanes.Of(LaneKey::Of(task.image)));
    }
    TREADLE_RETURN_IF_ERROR(inserter.Insert(task, PlaceIn(lane, task.image.id), rows.Bytes(kResult),
                                            rows.Bytes(kPayload)));
  }
  return rows.status();
}

}  // namespace

Status SetAsideOldTasks(Connection* db) {
  for (const char* const index : {"live_not_ready", "done_retention", "done_lane", "done_state",
                                  "done_queue", "done_type", "done_with_trail"})
    TREADLE_RETURN_IF_ERROR(db->Execute(std::string("DROP INDEX IF EXISTS ") + index));
  return db->Execute("ALTER TABLE live RENAME TO live_old; ALTER TABLE done RENAME TO done_old");
}

Status TakeOverOldTasks(Connection* db, bool has_digests) {
  TREADLE_RETURN_IF_ERROR(TakeOver<TaskTable::kLive>(db, has_digests));
  TREADLE_RETURN_IF_ERROR(TakeOver<TaskTable::kDone>(db, has_digests));
  return db->Execute("DROP TABLE live_old; DROP TABLE done_old");
}

}  // namespace treadle
