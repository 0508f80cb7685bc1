#include "store/writer.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "store/key.h"
#include "store/row.h"
#include "store/row_digest.h"

namespace treadle {
namespace {

using Text = std::optional<std::string_view>;

// Parameters of all statements that change a row or move it: ?1..?4 are the place, ?5..?16 the rest
// of the image, ?17..?19 the holder, ?20 and ?21 the error; of an ended task ?22 and ?23 are its
// place, ?24..?26 its result. Of the flags, kRowSearched (8) stays with the payload.
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

// An ended row from the live one.
std::string MoveSql() {
  return InsertRow("done",
                   Join({ChangedImage(),
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

std::optional<int64_t> OrNull(WallTime time) {
  return time.ms == 0 ? std::nullopt : std::optional(time.ms);
}

Text OrNull(std::string_view text) { return text.empty() ? Text() : Text(text); }

auto PlaceValues(const TaskImage& image) {
  return std::tuple(image.queue, image.type, RankOf(image.priority), image.id.packed);
}

// ?1..?16; `terms`, the bytes of which are to be written, may be empty and must outlive the values.
auto ImageValues(const TaskImage& image, const std::string& terms, uint8_t own_flags) {
  return std::tuple_cat(
      PlaceValues(image),
      std::tuple(static_cast<uint8_t>(image.state), FlagsOf(image) | own_flags, image.max_attempts,
                 image.unspent, image.attempt, image.term, image.exchange, image.when_ms,
                 image.enqueued_at.ms, OrNull(image.started_at), image.worker_losses,
                 terms.empty() ? std::optional<Blob>() : std::optional(Blob{terms})));
}

std::string TermsBytes(const TaskRecord& now) {
  std::string bytes;
  ByteWriter out(&bytes);
  if (now.terms) EncodeTerms(*now.terms, &out);
  return bytes;
}

auto ErrorValues(const TaskError* error) {
  return std::tuple(error ? Text(error->code) : Text(), error ? Text(error->message) : Text());
}

// ?1..?21 of every row: the image, who runs it or did last, the error.
auto RowValues(const TaskRecord& now, const std::string& terms, uint8_t own_flags = 0) {
  const LeaseHolder* holder = now.holder ? &*now.holder : nullptr;
  return std::tuple_cat(ImageValues(now.image, terms, own_flags),
                        std::tuple(holder ? Text(holder->worker) : Text(),
                                   holder ? std::optional(holder->incarnation) : std::nullopt,
                                   holder ? OrNull(holder->build) : Text()),
                        ErrorValues(now.error.get()));
}

// ?1..?26 of an ended row.
auto DoneValues(const TaskRecord& now, const std::string& terms) {
  const TaskResult* result = now.result.get();
  using MaybeBlob = std::optional<Blob>;
  return std::tuple_cat(RowValues(now, terms),
                        std::tuple(now.image.ordinal, OrNull(now.image.finished_at)),
                        std::tuple(result ? OrNull(result->content_type) : Text(),
                                   result ? MaybeBlob(Blob{result->sha256.view()}) : MaybeBlob(),
                                   result ? MaybeBlob(Blob{result->bytes}) : MaybeBlob()));
}

// Tags hold no control characters.
std::string TagLines(const TaskBody& body) {
  std::string lines;
  for (const std::string& tag : body.tags) lines.append(lines.empty() ? "" : "\n").append(tag);
  return lines;
}

// What the digest covers of the body.
auto BodyValues(const TaskBody& body, const std::string& tags) {
  return std::tuple(OrNull(body.content_type), OrNull(body.idempotency_key), OrNull(tags),
                    Blob{body.payload_sha256.view()});
}

// What the digest covers of the end.
auto EndValues(const TaskRecord& now) {
  const TaskResult* const result = now.result.get();
  const size_t bytes = now.body->payload.size() + (result ? result->bytes.size() : 0) +
                       (now.error ? now.error->message.size() : 0);
  return std::tuple(now.image.ordinal, OrNull(now.image.finished_at), bytes,
                    result ? OrNull(result->content_type) : Text(),
                    result ? std::optional(Blob{result->sha256.view()}) : std::nullopt);
}

template <class... Values>
Status Run(Statement* statement, const std::tuple<Values...>& values) {
  return std::apply([&](const auto&... each) { return statement->Run(each...); }, values);
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
      queue_(db, InsertRow("queue")),
      type_(db, InsertRow("type")),
      counters_(db, InsertRow("counters")),
      retire_(db, "DELETE FROM done WHERE queue = ?1 AND state = ?2 AND ordinal < ?3"),
      key_(db, InsertRow("idempotency")),
      key_gone_(db, "DELETE FROM idempotency WHERE key = ?1"),
      meta_(db, InsertRow("meta")),
      insert_live_(db, InsertTask("IGNORE", "live")),
      replace_live_(db, InsertTask("REPLACE", "live")),
      update_live_(db, UpdateLiveSql()),
      revive_(db, ReviveSql()),
      delete_live_(db, "DELETE FROM live WHERE " + std::string(kPlace)),
      insert_done_(db, InsertTask("IGNORE", "done")),
      replace_done_(db, InsertTask("REPLACE", "done")),
      move_(db, MoveSql()),
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
  return {};
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
    TREADLE_RETURN_IF_ERROR(InsertLive(change));
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
  TREADLE_RETURN_IF_ERROR(InsertDone(change));
  return true;
}

Status Writer::InsertLive(const TaskChange& change) {
  const TaskRecord& now = change.now;
  const std::string terms = TermsBytes(now);
  const std::string tags = TagLines(*now.body);
  const auto values =
      std::tuple_cat(RowValues(now, terms, OwnFlags(now)), BodyValues(*now.body, tags));
  return Insert(change, &insert_live_, &replace_live_,
                std::tuple_cat(values, std::tuple(DigestOf(values), Blob{now.body->payload})));
}

Status Writer::InsertDone(const TaskChange& change) {
  const TaskRecord& now = change.now;
  const std::string terms = TermsBytes(now);
  const std::string tags = TagLines(*now.body);
  const auto values = std::tuple_cat(RowValues(now, terms, OwnFlags(now)),
                                     BodyValues(*now.body, tags), EndValues(now));
  const auto result = now.result ? std::optional(Blob{now.result->bytes}) : std::nullopt;
  return Insert(
      change, &insert_done_, &replace_done_,
      std::tuple_cat(values, std::tuple(DigestOf(values), result, Blob{now.body->payload})));
}

template <class... Values>
int64_t Writer::DigestOf(const std::tuple<Values...>& values) {
  digest_.Clear();
  std::apply([this](const auto&... each) { (..., digest_.Add(each)); }, values);
  return digest_.Get();
}

// SQLite keeps copies of pages for a statement that may have to replace rows. A new task has none,
// but for what a checkpoint left behind that could not go on.
template <class... Values>
Status Writer::Insert(const TaskChange& change, Statement* insert, Statement* replace,
                      const std::tuple<Values...>& values) {
  if (!change.is_new) return Run(replace, values);
  TREADLE_RETURN_IF_ERROR(Run(insert, values));
  return db_->changes() > 0 ? Status() : Run(replace, values);
}

Result<bool> Writer::MoveOrUpdate(const TaskRecord& now) {
  const std::string terms = TermsBytes(now);
  TREADLE_RETURN_IF_ERROR(Run(&move_, DoneValues(now, terms)));
  if (db_->changes() > 0) {
    TREADLE_RETURN_IF_ERROR(DeleteLive(now.image));
    return true;
  }
  TREADLE_RETURN_IF_ERROR(Run(&update_done_, DoneValues(now, terms)));
  return db_->changes() > 0;
}

uint8_t Writer::OwnFlags(const TaskRecord& now) const {
  const bool is_hidden = now.terms != nullptr && now.terms->sensitive;
  return find_.Searches(now.image.queue) && !is_hidden ? kRowSearched : 0;
}

Status Writer::DeleteLive(const TaskImage& image) { return Run(&delete_live_, PlaceValues(image)); }

}  // namespace treadle
