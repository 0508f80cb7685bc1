#include "store/writer.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "store/key.h"
#include "store/row.h"
#include "store/row_digest.h"
#include "store/task_values.h"

namespace treadle {
namespace {

// Parameters as task_values.h has them. Of the flags, kRowSearched (8) stays with the payload.
constexpr std::string_view kPlace = "queue = ?1 AND type = ?2 AND rank = ?3 AND id = ?4";

const Cells kImage = {
    {"max_attempts", "?7"},    {"unspent", "?8"},        {"attempt", "?9"},
    {"term", "?10"},           {"exchange", "?11"},      {"when_ms", "?12"},
    {"enqueued_at_ms", "?13"}, {"started_at_ms", "?14"}, {"worker_losses", "?15"},
};
// What an ended row has from the end on: its place among those that ended, its result.
const Cells kEnd = {{"ordinal", "?22"}, {"finished_at_ms", "?23"}};

Cells Join(std::initializer_list<Cells> parts) {
  Cells all;
  for (const Cells& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// Of a row that keeps what it has and the change does not bring.
Cells ChangedImage() {
  return Join({{{"state", "?5"},
                {"flags", "?6 | (flags & 8)"},
                {"terms", "iif(?6 & 4, coalesce(?16, terms), NULL)"},
                {"error_code", "coalesce(?20, error_code)"},
                {"error_message", "coalesce(?21, error_message)"}},
               kImage});
}

std::string UpdateLiveSql() {
  const Cells holder = {{"worker", "?17"}, {"incarnation", "?18"}, {"build", "?19"}};
  return UpdateRow("live", Join({ChangedImage(), holder})) + " WHERE " + std::string(kPlace) +
         " AND " + IsSound("live");
}

// A live row from an ended one, to be updated next.
std::string ReviveSql() {
  return InsertRow("live",
                   {{"queue", "?1"},
                    {"type", "?2"},
                    {"rank", "?3"},
                    {"worker", "NULL"},
                    {"incarnation", "NULL"},
                    {"build", "NULL"}},
                   "done WHERE id = ?4 AND " + IsSound("done"));
}

// Who ran an ended task last: as the change says, or as it was.
const Cells kLastHolder = {{"worker", "coalesce(?17, worker)"},
                           {"incarnation", "coalesce(?18, incarnation)"},
                           {"build", "coalesce(?19, build)"}};

// An ended row from the live one. Not in one statement with its insertion: before one with
// functions in it SQLite copies each page that it may have to bring back.
std::string EndedSql() {
  return SelectDone(Join({ChangedImage(),
                          kLastHolder,
                          kEnd,
                          {{"bytes",
                            "length(payload) + ifnull(length(?26), 0)"
                            " + ifnull(length(CAST(coalesce(?21, error_message) AS BLOB)), 0)"},
                           {"result_content_type", "?24"},
                           {"result_sha256", "?25"},
                           {"result", "?26"}}}),
                    "live WHERE " + std::string(kPlace) + " AND " + IsSound("live"));
}

std::string UpdateDoneSql() {
  return UpdateRow("done",
                   Join({ChangedImage(),
                         kLastHolder,
                         kEnd,
                         {{"bytes",
                           "length(payload) + ifnull(length(coalesce(?26, result)), 0)"
                           " + ifnull(length(CAST(coalesce(?21, error_message) AS BLOB)), 0)"},
                          {"result_content_type", "iif(?25 IS NULL, result_content_type, ?24)"},
                          {"result_sha256", "coalesce(?25, result_sha256)"},
                          {"result", "coalesce(?26, result)"}}})) +
         " WHERE id = ?4 AND " + IsSound("done");
}

// The order in which the rows stand in the file: neighbours are written together.
auto FileOrder(const TaskImage& image) {
  const bool ended = IsTerminal(image.state);
  return std::tuple(ended, ended ? 0 : image.queue, ended ? 0 : image.type,
                    ended ? 0 : RankOf(image.priority), image.id.packed);
}

}  // namespace

Writer::Writer(Connection* db)
    : db_(db),
      find_(db),
      remover_(db),
      live_(db),
      done_(db),
      queue_(db, InsertRow("queue")),
      type_(db, InsertRow("type")),
      counters_(db, InsertRow("counters")),
      retire_(db, "DELETE FROM done WHERE queue = ?1 AND state = ?2 AND ordinal < ?3"),
      key_(db, InsertRow("idempotency")),
      key_gone_(db, "DELETE FROM idempotency WHERE key = ?1"),
      meta_(db, InsertRow("meta")),
      update_live_(db, UpdateLiveSql()),
      revive_(db, ReviveSql()),
      delete_live_(db, "DELETE FROM live WHERE " + std::string(kPlace)),
      ended_(db, EndedSql()),
      update_done_(db, UpdateDoneSql()),
      delete_done_(db, "DELETE FROM done WHERE id = ?1"),
      mark_live_(db, MarkDamaged("live") + " AND " + std::string(kPlace)),
      mark_done_(db, MarkDamaged("done") + " AND id = ?1"),
      trail_(db) {}

Status Writer::Write(const StoreChanges& changes) {
  Transaction transaction(db_);
  TREADLE_RETURN_IF_ERROR(transaction.Begin(Transaction::Kind::kWrite));
  TREADLE_RETURN_IF_ERROR(WriteAll(changes));
  return transaction.Commit();
}

Status Writer::WriteAll(const StoreChanges& changes) {
  TREADLE_RETURN_IF_ERROR(find_.Begin());
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
  find_.Learn(queue);
  const QueuePolicy& policy = queue.policy;
  std::string bytes;
  ByteWriter out(&bytes);
  EncodePolicy(policy, &out);
  return queue_.Run(queue.id, std::string_view(queue.name), Blob{bytes}, policy.paused,
                    policy.retry.max_attempts, policy.lease_ms, policy.attempt_timeout_ms);
}

Status Writer::WriteType(const TypeIsNow& type) {
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
  TREADLE_RETURN_IF_ERROR(Run(&counters_, std::tuple_cat(std::tuple(now.queue, now.accepted),
                                                         numbers, std::tuple_cat(now.removed))));
  for (size_t i = 0; i < kEndedStates; ++i) {
    const auto state = static_cast<TaskState>(kFirstEnded + i);
    TREADLE_RETURN_IF_ERROR(trail_.Retire(now.queue, state, now.ended[i].from));
    TREADLE_RETURN_IF_ERROR(find_.OnRetire(now.queue, kFirstEnded + i, now.ended[i].from));
    TREADLE_RETURN_IF_ERROR(retire_.Run(now.queue, kFirstEnded + i, now.ended[i].from));
  }
  return {};
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
  TREADLE_ASSIGN_OR_RETURN(const bool is_there,
                           IsTerminal(image.state) ? WriteDone(change) : WriteLive(change));
  if (!is_there) return {};
  find_.OnWritten(change, OwnFlags(change.now) != 0);
  if (change.trail) TREADLE_RETURN_IF_ERROR(trail_.Add(image.id, *change.trail));
  if (image.state != TaskState::kCompleted || !image.has_trail) return {};
  return trail_.RemoveSaved(image.id);
}

void Writer::Remove(const TaskChange& change) {
  find_.OnGone(change.now.image.id);
  remover_.Add(change);
}

Status Writer::DeleteLeft(const TaskChange& change) {
  for (const TaskPlace& place : change.left)
    TREADLE_RETURN_IF_ERROR(
        delete_live_.Run(place.queue, place.type, RankOf(place.priority), place.id.packed));
  return {};
}

Result<bool> Writer::WriteLive(const TaskChange& change) {
  const TaskRecord& now = change.now;
  if (now.body) {
    if (!change.is_new) {
      TREADLE_RETURN_IF_ERROR(DeleteLeft(change));
      TREADLE_RETURN_IF_ERROR(delete_done_.Run(now.image.id.packed));
    }
    TREADLE_RETURN_IF_ERROR(live_.Insert(change, OwnFlags(now)));
    return true;
  }
  TREADLE_ASSIGN_OR_RETURN(const bool is_there, UpdateOrRevive(now));
  if (is_there) return true;
  TREADLE_ASSIGN_OR_RETURN(const bool is_damaged, MarkIfDamaged(now.image));
  return is_damaged ? UpdateOrRevive(now) : Result<bool>(false);
}

Result<bool> Writer::UpdateOrRevive(const TaskRecord& now) {
  TREADLE_RETURN_IF_ERROR(UpdateLive(now));
  if (db_->changes() > 0) return true;
  TREADLE_RETURN_IF_ERROR(Run(&revive_, PlaceValues(now.image)));
  if (db_->changes() == 0) return false;
  TREADLE_RETURN_IF_ERROR(delete_done_.Run(now.image.id.packed));
  TREADLE_RETURN_IF_ERROR(UpdateLive(now));
  return true;
}

Status Writer::UpdateLive(const TaskRecord& now) {
  return Run(&update_live_, RowValues(now, TermsBytes(now)));
}

Result<bool> Writer::MarkIfDamaged(const TaskImage& image) {
  TREADLE_RETURN_IF_ERROR(Run(&mark_live_, PlaceValues(image)));
  if (db_->changes() > 0) return true;
  TREADLE_RETURN_IF_ERROR(mark_done_.Run(image.id.packed));
  return db_->changes() > 0;
}

Result<bool> Writer::WriteDone(const TaskChange& change) {
  const TaskRecord& now = change.now;
  if (!now.body) {
    TREADLE_ASSIGN_OR_RETURN(const bool is_there, MoveOrUpdate(now));
    if (is_there) return true;
    TREADLE_ASSIGN_OR_RETURN(const bool is_damaged, MarkIfDamaged(now.image));
    return is_damaged ? MoveOrUpdate(now) : Result<bool>(false);
  }
  if (!change.is_new) {
    TREADLE_RETURN_IF_ERROR(DeleteLeft(change));
    TREADLE_RETURN_IF_ERROR(DeleteLive(now.image));
  }
  TREADLE_RETURN_IF_ERROR(done_.Insert(change, OwnFlags(now)));
  return true;
}

Result<bool> Writer::MoveOrUpdate(const TaskRecord& now) {
  const std::string terms = TermsBytes(now);
  const auto values = DoneValues(now, terms);
  TREADLE_ASSIGN_OR_RETURN(const bool has_moved, Move(now, values));
  if (has_moved) return true;
  TREADLE_RETURN_IF_ERROR(Run(&update_done_, values));
  return db_->changes() > 0;
}

template <class Values>
Result<bool> Writer::Move(const TaskRecord& now, const Values& values) {
  Rows ended = std::apply([&](const auto&... each) { return ended_.Query(each...); }, values);
  if (!ended.Next()) return ended.status().ok() ? Result<bool>(false) : ended.status();
  TREADLE_RETURN_IF_ERROR(done_.Insert(ended));
  remover_.AddPlace(TaskPlace::Of(now.image));
  return true;
}

uint8_t Writer::OwnFlags(const TaskRecord& now) const {
  const bool is_hidden = now.terms != nullptr && now.terms->sensitive;
  return find_.Searches(now.image.queue) && !is_hidden ? kRowSearched : 0;
}

Status Writer::DeleteLive(const TaskImage& image) { return Run(&delete_live_, PlaceValues(image)); }

}  // namespace treadle
