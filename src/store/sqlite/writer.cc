#include "store/sqlite/writer.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "store/sqlite/key.h"
#include "store/sqlite/row.h"
#include "store/sqlite/row_digest.h"

namespace treadle {
namespace {

// A row with the sizes of what its digest leaves out.
std::string SizesOf(TaskTable table) {
  return "SELECT " + RowColumns(table, Parts::kView) + ", length(payload), " +
         (table == TaskTable::kLive ? "0" : "ifnull(length(result), 0)") + " FROM " +
         NameOf(table) + " WHERE " + KeyOf(table) + " = ?1";
}

std::string WholeOf(TaskTable table) {
  return "SELECT " + RowColumns(table, Parts::kWhole) + " FROM " + NameOf(table) + " WHERE " +
         KeyOf(table) + " = ?1";
}

// What the change does not bring stays as it was: all that the producer sent, and how the last
// attempt ended.
void KeepWhatIsNotNew(const TaskRow& was, TaskRow* now) {
  now->searched = was.searched;
  now->payload_sha256 = was.payload_sha256;
  now->content_type = was.content_type;
  now->idempotency_key = was.idempotency_key;
  now->tags = was.tags;
  now->traceparent = was.traceparent;
  if (now->image.has_terms && now->terms.empty()) {
    now->terms = was.terms;
    now->image.has_terms = !was.terms.empty();  // else they are lost
  }
  if (!now->error) now->error = was.error;
  if (!IsTerminal(now->image.state)) return;
  if (!now->holder) now->holder = was.holder;
  if (!now->result) now->result = was.result;
}

// The order of the rows in the file: neighbors are written together.
auto FileOrder(const TaskImage& image) {
  const bool ended = IsTerminal(image.state);
  return std::tuple(ended, ended ? 0 : image.queue, ended ? 0 : image.type,
                    ended ? 0 : RankOf(image.priority), image.id.packed);
}

}  // namespace

Writer::Writer(Connection* db, int file)
    : db_(db),
      room_(db, file),
      find_(db),
      lanes_(db),
      remover_(db, &lanes_),
      live_(db),
      done_(db),
      queue_(db, InsertRow("queue")),
      type_(db, InsertRow("type")),
      counters_(db, InsertRow("counters")),
      retire_{{db,
               "SELECT 1 FROM done INDEXED BY done_retention"
               " WHERE queue = ?1 AND state = ?2 AND ordinal < ?3 LIMIT 1"},
              {db, "DELETE FROM done WHERE queue = ?1 AND state = ?2 AND ordinal < ?3"}},
      key_(db, InsertRow("idempotency")),
      key_gone_(db, "DELETE FROM idempotency WHERE key = ?1"),
      meta_(db, InsertRow("meta")),
      live_sizes_(db, SizesOf(TaskTable::kLive)),
      live_whole_(db, WholeOf(TaskTable::kLive)),
      done_sizes_(db, SizesOf(TaskTable::kDone)),
      done_whole_(db, WholeOf(TaskTable::kDone)),
      update_live_(db, "UPDATE live SET state = ?2, image = ?3, digest = ?4 WHERE place = ?1"),
      update_done_(db,
                   "UPDATE done SET queue = ?2, type = ?3, state = ?4, ordinal = ?5,"
                   " has_trail = ?6, image = ?7, digest = ?8, result = coalesce(?9, result)"
                   " WHERE id = ?1"),
      delete_live_(db, "DELETE FROM live WHERE place = ?1"),
      delete_done_(db, "DELETE FROM done WHERE id = ?1"),
      trail_(db) {}

// Once more if the disk is full, with all of the log to write to.
Status Writer::Write(const StoreChanges& changes) {
  Status status = TryToWrite(changes);
  if (status.code() != Code::kResourceExhausted) return status;
  room_.GiveBack();
  TREADLE_RETURN_IF_ERROR(db_->EmptyLog());
  status = TryToWrite(changes);
  if (status.code() == Code::kResourceExhausted) room_.GiveBack();
  return status;
}

Status Writer::TryToWrite(const StoreChanges& changes) {
  Transaction transaction(db_);
  Status status = transaction.Begin(Transaction::Kind::kWrite);
  if (status.ok()) status = WriteAll(changes);
  if (status.ok()) status = room_.Take();
  if (status.ok()) status = transaction.Commit();
  if (!status.ok()) lanes_.Forget();
  return status;
}

Status Writer::WriteAll(const StoreChanges& changes) {
  TREADLE_CHECK(db_->in_transaction());  // all of it, or nothing
  TREADLE_RETURN_IF_ERROR(find_.Begin());
  TREADLE_RETURN_IF_ERROR(lanes_.Begin());
  for (const QueueIsNow& queue : changes.queues) TREADLE_RETURN_IF_ERROR(WriteQueue(queue));
  for (const TypeIsNow& type : changes.types) TREADLE_RETURN_IF_ERROR(WriteType(type));
  TREADLE_RETURN_IF_ERROR(WriteTasks(changes.tasks));
  for (const KeyIsNow& key : changes.keys) TREADLE_RETURN_IF_ERROR(WriteKey(key));
  for (const IdempotencyId& id : changes.keys_gone)
    TREADLE_RETURN_IF_ERROR(key_gone_.Run(Blob{KeyBytes(id)}));
  for (const CountersAreNow& counters : changes.counters)
    TREADLE_RETURN_IF_ERROR(WriteCounters(counters));
  TREADLE_RETURN_IF_ERROR(find_.Flush());
  return changes.meta ? WriteMeta(*changes.meta) : Status();
}

Status Writer::WriteTasks(const std::vector<TaskChange>& changes) {
  remover_.Clear();
  live_.Clear();
  done_.Clear();
  std::vector<const TaskChange*> tasks;
  tasks.reserve(changes.size());
  for (const TaskChange& change : changes)
    if (!change.is_gone)
      tasks.push_back(&change);
    else if (!change.is_new)
      Remove(change);
  // First, for what is written next can take the room that this leaves.
  TREADLE_RETURN_IF_ERROR(remover_.Flush());
  const auto before = [](const TaskChange* a, const TaskChange* b) {
    return FileOrder(a->now.image) < FileOrder(b->now.image);
  };
  // A checkpoint brings them so.
  if (!std::is_sorted(tasks.begin(), tasks.end(), before))
    std::sort(tasks.begin(), tasks.end(), before);
  for (const TaskChange* change : tasks) TREADLE_RETURN_IF_ERROR(WriteTask(*change));
  TREADLE_RETURN_IF_ERROR(live_.Flush());
  TREADLE_RETURN_IF_ERROR(done_.Flush());
  return remover_.Flush();  // of what moved
}

Status Writer::WriteQueue(const QueueIsNow& queue) {
  TREADLE_CHECK(queue.id > 0);
  find_.Learn(queue);
  const QueuePolicy& policy = queue.policy;
  std::string bytes;
  ByteWriter out(&bytes);
  EncodePolicy(policy, &out);
  return queue_.Run(queue.id, std::string_view(queue.name), Blob{bytes}, policy.paused,
                    policy.retry.max_attempts, policy.lease_ms, policy.attempt_timeout_ms);
}

Status Writer::WriteType(const TypeIsNow& type) {
  TREADLE_CHECK(type.id > 0);
  find_.Learn(type);
  std::string bytes;
  ByteWriter out(&bytes);
  EncodeTypePolicy(type.policy, &out);
  return type_.Run(type.id, std::string_view(type.name), Blob{bytes});
}

Status Writer::WriteCounters(const CountersAreNow& now) {
  const auto numbers = std::apply(
      [](const auto&... range) { return std::tuple_cat(std::tuple(range.next, range.from)...); },
      now.ended);
  TREADLE_RETURN_IF_ERROR(counters_.RunTuple(
      std::tuple_cat(std::tuple(now.queue, now.accepted), numbers, std::tuple_cat(now.removed))));
  for (size_t i = 0; i < kEndedStates; ++i) {
    TREADLE_RETURN_IF_ERROR(Retire(now.queue, kFirstEnded + i, now.ended[i].from));
  }
  return {};
}

// Most counters retire nothing. To see that costs a hundredth of what the statements cost that
// would remove nothing.
Status Writer::Retire(QueueId queue, uint64_t state, uint64_t from) {
  {
    Rows rows = retire_.find_one.Query(queue, state, from);
    const bool any = rows.Next();
    TREADLE_RETURN_IF_ERROR(rows.status());
    if (!any) return {};
  }
  TREADLE_RETURN_IF_ERROR(trail_.Retire(queue, static_cast<TaskState>(state), from));
  TREADLE_RETURN_IF_ERROR(find_.OnRetire(queue, state, from));
  return retire_.remove.Run(queue, state, from);
}

Status Writer::WriteKey(const KeyIsNow& key) {
  return key_.Run(Blob{KeyBytes(key.id)}, key.request_hash, key.task.packed, key.expires.ms);
}

Status Writer::WriteMeta(const StoreMeta& meta) {
  const auto put = [&](std::string_view key, auto value) { return meta_.Run(key, value); };
  TREADLE_RETURN_IF_ERROR(put("applied", meta.applied));
  TREADLE_RETURN_IF_ERROR(put("time_ms", meta.time.ms));
  TREADLE_RETURN_IF_ERROR(put("wall_ms", meta.wall.ms));
  TREADLE_RETURN_IF_ERROR(put("next_sequence", meta.next_sequence));
  return put("term", meta.term);
}

Status Writer::WriteTask(const TaskChange& change) {
  const TaskImage& image = change.now.image;
  // The store has nothing of a new task, so all of it must come.
  TREADLE_CHECK(!change.is_new || change.now.body != nullptr);
  if (change.now.body) {
    TREADLE_RETURN_IF_ERROR(WriteWhole(change));
  } else {
    TREADLE_ASSIGN_OR_RETURN(const bool is_there, Rewrite(change.now));
    if (!is_there) return {};
  }
  find_.OnWritten(change, IsSearched(change.now));
  if (change.trail) TREADLE_RETURN_IF_ERROR(trail_.Add(image.id, *change.trail));
  if (image.state != TaskState::kCompleted || !image.has_trail) return {};
  return trail_.RemoveSaved(image.id);
}

void Writer::Remove(const TaskChange& change) {
  find_.OnGone(change.now.image.id);
  remover_.Add(change);
}

Status Writer::WriteWhole(const TaskChange& change) {
  const TaskRecord& now = change.now;
  const bool ended = IsTerminal(now.image.state);
  if (!change.is_new) {
    for (const TaskPlace& place : change.left) TREADLE_RETURN_IF_ERROR(DeleteLive(place));
    TREADLE_RETURN_IF_ERROR(ended ? DeleteLive(TaskPlace::Of(now.image))
                                  : delete_done_.Run(now.image.id.packed));
  }
  if (ended) return done_.Insert(change, 0, IsSearched(now));
  TREADLE_ASSIGN_OR_RETURN(const int64_t lane, lanes_.Of(LaneKey::Of(now.image)));
  return live_.Insert(change, PlaceIn(lane, now.image.id), IsSearched(now));
}

Result<bool> Writer::Rewrite(const TaskRecord& now) {
  const int64_t place = PlaceIn(lanes_.Find(LaneKey::Of(now.image)), now.image.id);
  TREADLE_ASSIGN_OR_RETURN(const bool waits, RewriteFrom(TaskTable::kLive, place, now));
  if (waits) return true;
  return RewriteFrom(TaskTable::kDone, static_cast<int64_t>(now.image.id.packed), now);
}

Result<bool> Writer::RewriteFrom(TaskTable from, int64_t key, const TaskRecord& now) {
  TREADLE_CHECK(now.body == nullptr);  // with its body it would be written whole
  const TaskTable to = IsTerminal(now.image.state) ? TaskTable::kDone : TaskTable::kLive;
  Rows rows = Find(from, to).Query(key);
  const bool is_there = rows.Next();
  TREADLE_RETURN_IF_ERROR(rows.status());
  if (!is_there) return false;
  TaskRow was;
  (void)ReadRowOrDamage(rows, from, &was);  // if it says nothing: one whose payload is damaged
  if (!HasReadableTerms(was)) DropTerms(&was);
  TaskRow task = RowOf(now, &texts_);
  KeepWhatIsNotNew(was, &task);
  const std::string_view result = now.result ? now.result->bytes : std::string_view();
  const auto kept = [&](int64_t payload, int64_t result_bytes) {
    return static_cast<uint32_t>(payload + result_bytes) +
           static_cast<uint32_t>(task.error ? task.error->message.size() : 0);
  };
  if (from != to) {
    const std::string_view payload = ReadPayload(rows, from);
    task.bytes = kept(std::ssize(payload), std::ssize(result));
    TREADLE_RETURN_IF_ERROR(Move(task, key, result, payload));
    return true;
  }
  const int sizes = ColumnCount(from, Parts::kView);
  task.bytes = kept(rows.Int(sizes), now.result ? std::ssize(result) : rows.Int(sizes + 1));
  TREADLE_RETURN_IF_ERROR(Update(task, key, now));
  return true;
}

// Where SQLite must not read the payload, it does not.
Statement& Writer::Find(TaskTable from, TaskTable to) {
  if (from == TaskTable::kLive) return from == to ? live_sizes_ : live_whole_;
  return from == to ? done_sizes_ : done_whole_;
}

Status Writer::Update(const TaskRow& task, int64_t place, const TaskRecord& now) {
  EncodeRow(task, &bytes_);
  if (!IsTerminal(task.image.state)) {
    const auto values = LiveValues(place, task.image, bytes_);
    return update_live_.RunTuple(std::tuple_cat(values, std::tuple(digest_.Of(values))));
  }
  const auto values = DoneValues(task.image, bytes_);
  const auto result = now.result ? std::optional(Blob{now.result->bytes}) : std::nullopt;
  return update_done_.RunTuple(std::tuple_cat(values, std::tuple(digest_.Of(values), result)));
}

Status Writer::Move(const TaskRow& task, int64_t key, std::string_view result,
                    std::string_view payload) {
  if (IsTerminal(task.image.state)) {
    remover_.AddPlace(key);
    return done_.Insert(task, 0, result, payload);
  }
  TREADLE_ASSIGN_OR_RETURN(const int64_t lane, lanes_.Of(LaneKey::Of(task.image)));
  TREADLE_RETURN_IF_ERROR(live_.Insert(task, PlaceIn(lane, task.image.id), "", payload));
  return delete_done_.Run(task.image.id.packed);
}

bool Writer::IsSearched(const TaskRecord& now) const {
  const bool is_hidden = now.terms != nullptr && now.terms->sensitive;
  return find_.Searches(now.image.queue) && !is_hidden;
}

Status Writer::DeleteLive(const TaskPlace& place) {
  return delete_live_.Run(PlaceIn(lanes_.Find(LaneKey::Of(place)), place.id));
}

}  // namespace treadle
