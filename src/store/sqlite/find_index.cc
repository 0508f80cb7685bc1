#include "store/sqlite/find_index.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "model/search_text.h"
#include "store/sqlite/find_terms.h"
#include "store/sqlite/lane_place.h"
#include "store/sqlite/row.h"

namespace treadle {
namespace {

constexpr int64_t kFirstId = std::numeric_limits<int64_t>::min();

std::string TextOf(const TaskBody& body) { return PayloadText(body.content_type, body.payload); }

}  // namespace

FindIndex::FindIndex(Connection* db)
    : db_(db),
      put_(db,
           "INSERT OR REPLACE INTO found (rowid, queue, type, lane_rank, body, error)"
           " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"),
      put_error_(db, "UPDATE found SET error = ?2 WHERE rowid = ?1"),
      remove_(db, "DELETE FROM found WHERE rowid = ?1"),
      next_(db, "found", "rowid"),
      retired_(db,
               "SELECT id FROM done INDEXED BY done_retention"
               " WHERE queue = ?1 AND state = ?2 AND ordinal < ?3") {}

Status FindIndex::Begin() {
  entries_.clear();
  gone_.clear();
  gone_next_ = 0;
  next_.Forget();
  return has_names_ ? Status() : ReadNames();
}

Status FindIndex::ReadNames() {
  Statement types(db_, "SELECT id, name FROM type");
  Rows type = types.Query();
  while (type.Next()) types_[type.As<TypeId>(0)] = type.String(1);
  TREADLE_RETURN_IF_ERROR(type.status());
  Statement queues(db_, "SELECT id, policy FROM queue");
  Rows queue = queues.Query();
  while (queue.Next()) {
    ByteReader policy(queue.Bytes(1));
    if (DecodePolicy(&policy).search_payloads) searching_.insert(queue.As<QueueId>(0));
  }
  TREADLE_RETURN_IF_ERROR(queue.status());
  has_names_ = true;
  return {};
}

void FindIndex::Learn(const QueueIsNow& queue) {
  if (queue.policy.search_payloads)
    searching_.insert(queue.id);
  else
    searching_.erase(queue.id);
}

void FindIndex::OnWritten(const TaskChange& change, bool searched) {
  TREADLE_CHECK(has_names_);  // Begin() came first
  const TaskRecord& now = change.now;
  if (!now.error && (!now.body || (change.is_new && !searched && now.body->tags.empty() &&
                                   now.body->idempotency_key.empty())))
    return;  // at once: most tasks are like this
  Entry entry = EntryOf(now.image);
  if (now.body) entry.body = BodyTerms(*now.body, searched ? TextOf(*now.body) : "");
  if (now.error) entry.error = ErrorTerms(types_[now.image.type], *now.error);
  entry.is_whole = now.body != nullptr;
  if (!entry.body.empty() || !entry.error.empty())
    entries_.push_back(std::move(entry));
  else if (!change.is_new)
    OnGone(now.image.id);
}

FindIndex::Entry FindIndex::EntryOf(const TaskImage& image) {
  return {.id = RowId(image.id),
          .queue = image.queue,
          .type = image.type,
          .rank = RankOf(image.priority),
          .is_whole = true,
          .body = "",
          .error = ""};
}

Status FindIndex::OnRetire(QueueId queue, uint64_t state, uint64_t from) {
  TREADLE_ASSIGN_OR_RETURN(const bool any, HasAny());
  if (!any) return {};
  Rows rows = retired_.Query(queue, state, from);
  while (rows.Next()) gone_.push_back(rows.Int(0));
  return rows.status();
}

Status FindIndex::Flush() {
  std::ranges::sort(entries_, {}, &Entry::id);
  std::ranges::sort(gone_);
  for (const Entry& entry : entries_) {
    TREADLE_RETURN_IF_ERROR(RemoveGone(entry.id));
    TREADLE_RETURN_IF_ERROR(Put(entry));
    next_.Forget();
  }
  return RemoveGone(kLastId);
}

Status FindIndex::Put(const Entry& entry) {
  TREADLE_CHECK(!entry.body.empty() || !entry.error.empty());  // others have no row
  if (!entry.is_whole) {
    TREADLE_RETURN_IF_ERROR(put_error_.Run(entry.id, std::string_view(entry.error)));
    if (db_->changes() > 0) return {};
  }
  const std::string body = PlaceTerms(entry.queue, entry.type) + " " + entry.body;
  return put_.Run(entry.id, entry.queue, entry.type, entry.rank, std::string_view(body),
                  std::string_view(entry.error));
}

Status FindIndex::RemoveGone(int64_t end) {
  TREADLE_CHECK(gone_next_ <= gone_.size());
  for (; gone_next_ < gone_.size() && gone_[gone_next_] < end; ++gone_next_) {
    TREADLE_ASSIGN_OR_RETURN(const bool has, next_.IsWithin(gone_[gone_next_], gone_[gone_next_]));
    if (has) TREADLE_RETURN_IF_ERROR(remove_.Run(gone_[gone_next_]));
  }
  return {};
}

Result<bool> FindIndex::HasAny() {
  if (!entries_.empty()) return true;
  return next_.IsWithin(kFirstId, kLastId);
}

Status FindIndex::Rebuild() {
  TREADLE_CHECK(db_->in_transaction());
  TREADLE_RETURN_IF_ERROR(Begin());
  TREADLE_RETURN_IF_ERROR(db_->Execute("DELETE FROM found"));
  TREADLE_RETURN_IF_ERROR(Rebuild(TaskTable::kLive));
  return Rebuild(TaskTable::kDone);
}

// Row by row, for there may be many of them.
Status FindIndex::Rebuild(TaskTable table) {
  const int payload = ColumnCount(table, Parts::kView);
  Statement statement(db_, "SELECT " + RowColumns(table, Parts::kView) + ", substr(payload, 1, " +
                               std::to_string(kSearchedPayloadBytes) + ") FROM " + NameOf(table) +
                               " ORDER BY " + KeyOf(table));
  Rows rows = statement.Query();
  while (rows.Next()) {
    TaskRow task;
    TREADLE_RETURN_IF_ERROR(ReadRow(rows, table, &task));
    TaskRecord record;
    TREADLE_RETURN_IF_ERROR(ReadRecord(rows, table, Parts::kView, task, &record));
    Entry entry = EntryOf(record.image);
    entry.body =
        BodyTerms(*record.body,
                  task.searched ? PayloadText(record.body->content_type, rows.Bytes(payload)) : "");
    if (record.error) entry.error = ErrorTerms(types_[record.image.type], *record.error);
    if (!entry.body.empty() || !entry.error.empty()) TREADLE_RETURN_IF_ERROR(Put(entry));
  }
  return rows.status();
}

}  // namespace treadle
