#include "store/row.h"

#include <algorithm>
#include <utility>

#include "engine/effects.h"
#include "model/limits.h"
#include "store/row_digest.h"

namespace treadle {
namespace {

// Column numbers of the selections, in their order: what the digest covers, in the order in which
// it does, and then the rest. A row of `live` has no more than the first up to kPayloadSha256; of
// its kBytes the selection says NULL.
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
  kDigest,
  kResult,
  kPayload,
  kColumns,
};

bool IsSound(const Rows& row) {
  return HasDigest(row, row.IsNull(kBytes) ? kOrdinal : kDigest, row.Int(kDigest));
}

std::shared_ptr<const TaskError> ReadError(const Rows& row) {
  if (row.IsNull(kErrorCode)) return nullptr;
  return std::make_shared<TaskError>(
      TaskError{.code = row.String(kErrorCode), .message = row.String(kErrorMessage)});
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

std::shared_ptr<const TaskBody> ReadBody(const Rows& row, Parts parts) {
  auto body = std::make_shared<TaskBody>();
  const std::optional<Sha256> digest = Sha256FromRaw(row.Bytes(kPayloadSha256));
  if (parts == Parts::kWhole) {
    body->payload = row.Bytes(kPayload);
    if (!digest || Sha256Of(body->payload) != *digest) return nullptr;
  }
  body->content_type = row.Bytes(kContentType);
  body->idempotency_key = row.Bytes(kIdempotencyKey);
  body->payload_sha256 = digest.value_or(Sha256{});
  body->tags = Lines(row.Bytes(kTags));
  return body;
}

std::shared_ptr<const TaskResult> ReadResult(const Rows& row) {
  const std::optional<Sha256> digest = Sha256FromRaw(row.Bytes(kResultSha256));
  if (!digest) return nullptr;
  auto result = std::make_shared<TaskResult>();
  result->bytes = row.Bytes(kResult);
  if (Sha256Of(result->bytes) != *digest) return nullptr;
  result->content_type = row.Bytes(kResultContentType);
  result->sha256 = *digest;
  return result;
}

std::string Columns(Parts parts, std::string columns, const char* result) {
  if (parts == Parts::kView) return columns;
  columns += result;
  return parts == Parts::kWhole ? columns + ", payload" : columns;
}

}  // namespace

std::string LiveColumns(Parts parts) {
  return Columns(parts, ColumnList("live") + ", 0, NULL, NULL, NULL, NULL, digest", ", NULL");
}

std::string DoneColumns(Parts parts) {
  return Columns(parts, ColumnList("done") + ", digest", ", result");
}

int ColumnCount(Parts parts) {
  switch (parts) {
    case Parts::kView:
      return kResult;
    case Parts::kViewWithResult:
      return kPayload;
    case Parts::kWhole:
      return kColumns;
  }
  return 0;
}

TaskId ReadId(const Rows& row) { return {row.As<uint64_t>(kId)}; }

uint32_t ReadBytes(const Rows& row) { return row.As<uint32_t>(kBytes); }

Status ReadImage(const Rows& row, TaskImage* image) {
  image->id = ReadId(row);
  if (!IsSound(row))
    return {Code::kDataLoss,
            "the store's row of task " + image->id.ToString() + " does not match its digest"};
  image->queue = row.As<QueueId>(kQueue);
  image->type = row.As<TypeId>(kType);
  const int64_t rank = row.Int(kRank);
  image->priority = RankOf(static_cast<uint8_t>(rank));
  image->state = row.As<TaskState>(kState);
  const auto flags = row.As<uint8_t>(kFlags);
  image->reported = (flags & kRowReported) != 0;
  image->cancel_requested = (flags & kRowCancelRequested) != 0;
  image->max_attempts = row.As<uint16_t>(kMaxAttempts);
  image->unspent = row.As<uint32_t>(kUnspent);
  image->attempt = row.As<uint32_t>(kAttempt);
  image->term = row.As<uint32_t>(kTerm);
  image->exchange = row.As<uint32_t>(kExchange);
  image->when_ms = row.Int(kWhen);
  image->enqueued_at = {row.Int(kEnqueuedAt)};
  image->started_at = {row.Int(kStartedAt)};
  image->worker_losses = row.As<uint16_t>(kWorkerLosses);
  image->has_terms = (flags & kRowHasTerms) != 0;
  image->has_trail = (flags & kRowHasTrail) != 0;
  image->ordinal = row.As<uint64_t>(kOrdinal);
  image->finished_at = {row.Int(kFinishedAt)};
  if (!TaskStateName(image->state))
    return {Code::kDataLoss, "the store holds task " + image->id.ToString() + " in no known state"};
  if (rank < 0 || rank > limits::kPriorityMax)
    return {Code::kDataLoss, "the store's row of task " + image->id.ToString() + " makes no sense"};
  return {};
}

std::optional<LeaseHolder> ReadHolder(const Rows& row) {
  if (row.IsNull(kWorker)) return std::nullopt;
  return LeaseHolder{.worker = row.String(kWorker),
                     .incarnation = row.As<uint64_t>(kIncarnation),
                     .build = row.String(kBuild)};
}

Status ReadTerms(const Rows& row, std::shared_ptr<const TaskTerms>* terms) {
  *terms = nullptr;
  if ((row.As<uint8_t>(kFlags) & kRowHasTerms) == 0) return {};
  ByteReader in(row.Bytes(kTerms));
  *terms = DecodeTerms(&in);
  if (!in.failed()) return {};
  return {Code::kDataLoss,
          "the store's terms of task " + TaskId{row.As<uint64_t>(kId)}.ToString() + " are damaged"};
}

Status ReadRecord(const Rows& row, Parts parts, TaskRecord* record) {
  const Status status = ReadImage(row, &record->image);
  if (!status.ok() && parts == Parts::kWhole && !IsSound(row)) {
    record->image = {.id = ReadId(row)};
    return {};
  }
  TREADLE_RETURN_IF_ERROR(status);
  TREADLE_RETURN_IF_ERROR(ReadTerms(row, &record->terms));
  record->holder = ReadHolder(row);
  record->error = ReadError(row);
  record->body = ReadBody(row, parts);
  if (parts != Parts::kView) record->result = ReadResult(row);
  return {};
}

}  // namespace treadle
