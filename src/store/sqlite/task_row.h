// TaskRow: a task as one column holds it, `image` of `live` and `done`: all but payload and result.
//
// One value instead of thirty columns, for each column costs SQLite as much as all of this does
// here. Numbers are in fixed places and are big-endian, so that the views for people can read
// them with plain SQL. Format: docs/formats/store.md.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "model/task.h"

namespace treadle {

struct RowHolder {
  std::string_view worker;
  uint64_t incarnation = 0;
  std::string_view build;
};
struct RowError {
  std::string_view code;
  std::string_view message;
};
struct RowResult {
  Sha256 sha256;
  std::string_view content_type;
};
/// Its texts, and those of its parts, belong to someone else.
struct TaskRow {
  TaskImage image;
  bool searched = false;  // the words of its payload are in `found`
  uint32_t bytes = 0;     // ended: size of payload, result and error message
  Sha256 payload_sha256;  // all zero: the payload is damaged
  std::optional<RowHolder> holder;
  std::optional<RowError> error;
  std::optional<RowResult> result;
  std::string_view content_type;
  std::string_view idempotency_key;
  std::string_view tags;         // one a line
  std::string_view terms;        // as EncodeTerms() writes them; empty unless image.has_terms
  std::string_view traceparent;  // Traceparent::view(); empty: none
};

/// What a row made of a record has of its own.
struct TaskRowTexts {
  std::string tags;
  std::string terms;
};
/// Of a record that may lack its body. Texts of `record` and `texts`, which need not be empty, must
/// outlive the row.
TaskRow RowOf(const TaskRecord& record, TaskRowTexts* texts);

/// Replaces what `out` holds. No text of a row may have more than 65,535 bytes.
void EncodeRow(const TaskRow& row, std::string* out);
/// The row points into `bytes`. DATA_LOSS: they are none of a task.
Status DecodeRow(std::string_view bytes, TaskRow* row);
/// Of bytes that are not what was written: their apparent contents, as a row whose payload is
/// damaged. False: they have none.
bool DecodeDamagedRow(std::string_view bytes, TaskRow* row);

/// The byte of flags. Versions 2 and 3 of the store had the same in a column.
void SetFlags(uint8_t flags, TaskRow* row);

/// Or none at all.
bool HasReadableTerms(const TaskRow& row);
void DropTerms(TaskRow* row);

/// The places of the column's parts, for SQL. An offset in bytes from 0, and a size.
struct RowPart {
  int at;
  int size;
};
/// What every row has.
inline constexpr RowPart kRowState{1, 1};
inline constexpr RowPart kRowRank{2, 1};
inline constexpr RowPart kRowParts{4, 1};
inline constexpr RowPart kRowMaxAttempts{6, 2};
inline constexpr RowPart kRowId{8, 8};
inline constexpr RowPart kRowQueue{16, 4};
inline constexpr RowPart kRowType{20, 4};
inline constexpr RowPart kRowWhen{24, 8};
inline constexpr RowPart kRowEnqueuedAt{32, 8};
inline constexpr RowPart kRowSha256{40, 32};
inline constexpr int kRowCoreBytes = 72;
/// Bits of kRowParts: what follows, in this order.
enum RowParts : uint8_t {
  kRowHasAttempt = 1,
  kRowHasEnd = 2,
  kRowHasResult = 4,
  kRowHasTexts = 8,
  kRowHasHolder = 16,  // no part of its own
  kRowHasError = 32,   // nor this
  kRowHasTraceparent = 64,
};
/// Of kRowHasAttempt.
inline constexpr RowPart kRowUnspent{0, 4};
inline constexpr RowPart kRowAttempt{4, 4};
inline constexpr RowPart kRowStartedAt{16, 8};
inline constexpr int kRowAttemptBytes = 34;
/// Of kRowHasEnd.
inline constexpr RowPart kRowFinishedAt{8, 8};
inline constexpr int kRowEndBytes = 20;
/// Of kRowHasResult.
inline constexpr int kRowResultBytes = 32;
/// Of kRowHasTexts: the size of each in two bytes, then all of them.
enum RowText : uint8_t {
  kRowWorker,
  kRowErrorCode,
  kRowErrorMessage,
  kRowContentType,
  kRowTags,
  kRowIdempotencyKey,
  kRowBuild,
  kRowResultContentType,
  kRowTerms,
};
inline constexpr int kRowTexts = 9;
/// Of kRowHasTraceparent, the last part, so that nothing else is in another place with it.
inline constexpr int kRowTraceparentBytes = 25;

}  // namespace treadle
