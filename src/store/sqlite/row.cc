#include "store/sqlite/row.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "engine/effects.h"
#include "store/sqlite/row_digest.h"

namespace treadle {
namespace {

// Where the columns of a selection are: what the digest covers, the image last of it; the digest;
// the result of an ended task; the payload.
constexpr int ImageAt(TaskTable table) { return table == TaskTable::kLive ? 2 : 6; }
constexpr int DigestAt(TaskTable table) { return ImageAt(table) + 1; }
constexpr int ResultAt(TaskTable table) { return DigestAt(table) + 1; }
constexpr int PayloadAt(TaskTable table) {
  return DigestAt(table) + (table == TaskTable::kLive ? 1 : 2);
}

bool HasSoundDigest(const Rows& row, TaskTable table) {
  TREADLE_CHECK(row.columns() > DigestAt(table));  // it was selected with RowColumns()
  return HasDigest(row, DigestAt(table), row.Int(DigestAt(table)));
}

// What a row is found by says the same as the task itself.
bool AgreesWith(const Rows& row, TaskTable table, const TaskImage& image) {
  const auto state = static_cast<int64_t>(image.state);
  if (table == TaskTable::kLive) return row.Int(1) == state;
  return row.As<uint64_t>(0) == image.id.packed && row.As<QueueId>(1) == image.queue &&
         row.As<TypeId>(2) == image.type && row.Int(3) == state &&
         row.As<uint64_t>(4) == image.ordinal && row.As<bool>(5) == image.has_trail;
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// The body, or null if its payload is damaged.
std::shared_ptr<const TaskBody> BodyOf(const TaskRow& task, const Rows& row, TaskTable table,
                                       Parts parts) {
  auto body = std::make_shared<TaskBody>();
  if (parts == Parts::kWhole) {
    body->payload = ReadPayload(row, table);
    if (Sha256Of(body->payload) != task.payload_sha256) return nullptr;
  }
  body->content_type = task.content_type;
  body->idempotency_key = task.idempotency_key;
  body->payload_sha256 = task.payload_sha256;
  body->tags = Lines(task.tags);
  if (!task.traceparent.empty()) body->traceparent = TraceparentFromRaw(task.traceparent);
  return body;
}

// The result, or null if there is none or it is damaged.
std::shared_ptr<const TaskResult> ResultOf(const TaskRow& task, const Rows& row, TaskTable table) {
  if (!task.result) return nullptr;
  auto result = std::make_shared<TaskResult>();
  result->bytes = ReadResult(row, table);
  if (Sha256Of(result->bytes) != task.result->sha256) return nullptr;
  result->content_type = task.result->content_type;
  result->sha256 = task.result->sha256;
  return result;
}

std::string KeyText(const Rows& row, TaskTable table) {
  return std::string("the row of ") + NameOf(table) + " whose " + KeyOf(table) + " is " +
         std::to_string(ReadKey(row));
}

}  // namespace

std::string RowColumns(TaskTable table, Parts parts) {
  std::string columns = ColumnList(NameOf(table)) + ", digest";
  if (parts == Parts::kView) return columns;
  if (table == TaskTable::kDone) columns += ", result";
  return parts == Parts::kWhole ? columns + ", payload" : columns;
}

int ColumnCount(TaskTable table, Parts parts) {
  switch (parts) {
    case Parts::kView:
      return DigestAt(table) + 1;
    case Parts::kViewWithResult:
      return PayloadAt(table);
    case Parts::kWhole:
      return PayloadAt(table) + 1;
  }
  return 0;
}

int64_t ReadKey(const Rows& row) { return row.Int(0); }

std::string_view ReadPayload(const Rows& row, TaskTable table) {
  TREADLE_CHECK(row.columns() >
                PayloadAt(table));  // else a task without a payload seems to be damaged
  return row.Bytes(PayloadAt(table));
}

std::string_view ReadResult(const Rows& row, TaskTable table) {
  TREADLE_CHECK(table == TaskTable::kLive || row.columns() > ResultAt(table));
  return table == TaskTable::kDone ? row.Bytes(ResultAt(table)) : std::string_view();
}

Status ReadRow(const Rows& row, TaskTable table, TaskRow* task) {
  if (!HasSoundDigest(row, table))
    return {Code::kDataLoss, KeyText(row, table) + " does not match its checksum"};
  if (!DecodeRow(row.Bytes(ImageAt(table)), task).ok() || !AgreesWith(row, table, task->image))
    return {Code::kDataLoss, KeyText(row, table) + " is implausible"};
  return {};
}

bool ReadRowOrDamage(const Rows& row, TaskTable table, TaskRow* task) {
  return ReadRow(row, table, task).ok() || DecodeDamagedRow(row.Bytes(ImageAt(table)), task);
}

std::optional<LeaseHolder> HolderOf(const TaskRow& row) {
  if (!row.holder) return std::nullopt;
  return LeaseHolder{.worker = std::string(row.holder->worker),
                     .incarnation = row.holder->incarnation,
                     .build = std::string(row.holder->build)};
}

Status ReadTerms(const TaskRow& row, std::shared_ptr<const TaskTerms>* terms) {
  *terms = nullptr;
  if (!row.image.has_terms) return {};
  ByteReader in(row.terms);
  *terms = DecodeTerms(&in);
  if (!in.failed()) return {};
  return {Code::kDataLoss, "the store's terms of task " + row.image.id.ToString() + " are damaged"};
}

Status ReadRecord(const Rows& row, TaskTable table, Parts parts, TaskRecord* record) {
  TaskRow task;
  const Status status = ReadRow(row, table, &task);
  if (!status.ok())
    return parts == Parts::kWhole && !HasSoundDigest(row, table) ? Status() : status;
  return ReadRecord(row, table, parts, task, record);
}

Status ReadRecord(const Rows& row, TaskTable table, Parts parts, const TaskRow& task,
                  TaskRecord* record) {
  record->image = task.image;
  TREADLE_RETURN_IF_ERROR(ReadTerms(task, &record->terms));
  record->holder = HolderOf(task);
  if (task.error)
    record->error = std::make_shared<TaskError>(TaskError{
        .code = std::string(task.error->code), .message = std::string(task.error->message)});
  record->body = BodyOf(task, row, table, parts);
  if (parts != Parts::kView) record->result = ResultOf(task, row, table);
  return {};
}

}  // namespace treadle
