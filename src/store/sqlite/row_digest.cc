#include "store/sqlite/row_digest.h"

#include "base/check.h"

#include <algorithm>
#include <iterator>

namespace treadle {
namespace {

using Columns = std::span<const std::string_view>;

// What the digests cover, in the order in which they do. On disk.
constexpr std::string_view kMetaDigested[] = {"key", "value"};
constexpr std::string_view kQueueDigested[] = {
    "id", "name", "policy", "paused", "max_attempts", "lease_ms", "attempt_timeout_ms"};
constexpr std::string_view kCountersDigested[] = {
    "queue",         "accepted",        "completed_next",    "completed_from",
    "dead_next",     "dead_from",       "cancelled_next",    "cancelled_from",
    "expired_next",  "expired_from",    "removed_retention", "removed_deleted",
    "removed_moved", "removed_replaced"};
constexpr std::string_view kTypeDigested[] = {"id", "name", "policy"};
constexpr std::string_view kIdempotencyDigested[] = {"key", "request_hash", "task", "expires_ms"};
constexpr std::string_view kLaneDigested[] = {"id", "queue", "type", "rank"};
constexpr std::string_view kLiveDigested[] = {"place", "state", "image"};
constexpr std::string_view kDoneDigested[] = {"id",      "queue",     "type", "state",
                                              "ordinal", "has_trail", "image"};
constexpr std::string_view kAttemptDigested[] = {
    "task",          "attempt",     "outcome", "worker",     "build",
    "started_at_ms", "ended_at_ms", "wait_ms", "error_code", "error_message"};
constexpr std::string_view kLogDigested[] = {"task", "attempt", "offset", "text"};
constexpr std::string_view kSavedDigested[] = {"task", "name", "content_type", "value"};

constexpr std::string_view kDigestedTables[] = {"meta",        "queue", "counters", "type",
                                                "idempotency", "lane",  "live",     "done",
                                                "attempt",     "log",   "saved"};
constexpr Columns kColumns[] = {kMetaDigested, kQueueDigested,       kCountersDigested,
                                kTypeDigested, kIdempotencyDigested, kLaneDigested,
                                kLiveDigested, kDoneDigested,        kAttemptDigested,
                                kLogDigested,  kSavedDigested};
static_assert(std::size(kDigestedTables) == std::size(kColumns));

Columns ColumnsOf(std::string_view table) {
  const auto* const at = std::ranges::find(kDigestedTables, table);
  TREADLE_CHECK(at != std::end(kDigestedTables));
  return kColumns[at - std::begin(kDigestedTables)];
}

std::string_view ValueOf(std::string_view column, const Cells& changed) {
  const auto cell = std::ranges::find(changed, column, &Cell::column);
  return cell == changed.end() ? column : cell->value;
}

// The digest of a row of which `changed` is new, and all else as it is.
std::string DigestOf(std::string_view table, const Cells& changed) {
  std::string list = "row_digest(";
  for (const std::string_view column : ColumnsOf(table))
    list.append(list.back() == '(' ? "" : ", ").append(ValueOf(column, changed));
  return list + ")";
}

void AddValue(sqlite3_value* value, RowDigest* digest) {
  const int kind = sqlite3_value_type(value);
  if (kind == SQLITE_INTEGER) return digest->Add(int64_t{sqlite3_value_int64(value)});
  if (kind == SQLITE_NULL) return digest->Add(nullptr);
  const void* const data = sqlite3_value_blob(value);
  const std::string_view bytes(static_cast<const char*>(data),
                               static_cast<size_t>(sqlite3_value_bytes(value)));
  kind == SQLITE_TEXT ? digest->Add(bytes) : digest->Add(Blob{bytes});
}

void DigestValues(sqlite3_context* context, int count, sqlite3_value** values) {
  auto* const digest = static_cast<RowDigest*>(sqlite3_user_data(context));
  digest->Clear();
  for (sqlite3_value* const value : std::span(values, static_cast<size_t>(count)))
    AddValue(value, digest);
  sqlite3_result_int64(context, digest->Get());
}

// ?1, ?2 … ?count
std::string Parameters(size_t count) {
  std::string list;
  for (size_t i = 1; i <= count; ++i) list += (i == 1 ? "?" : ", ?") + std::to_string(i);
  return list;
}

}  // namespace

void RowDigest::AddBytes(char kind, std::string_view bytes) {
  const uint64_t size = bytes.size();
  char* const at = Room(1 + sizeof size + size);
  *at = kind;
  std::memcpy(at + 1, &size, sizeof size);
  if (size > 0) std::memcpy(at + 1 + sizeof size, bytes.data(), size);
}

Status AddRowDigest(Connection* db) {
  const int result = sqlite3_create_function_v2(
      db->handle(), "row_digest", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
      new RowDigest, DigestValues, nullptr, nullptr,
      [](void* digest) { delete static_cast<RowDigest*>(digest); });
  return result == SQLITE_OK ? Status() : db->Error(result);
}

std::span<const std::string_view> DigestedTables() { return kDigestedTables; }

std::string InsertRow(std::string_view table) {
  const std::string values = Parameters(ColumnsOf(table).size());
  return "INSERT OR REPLACE INTO " + std::string(table) + " VALUES (" + values + ", row_digest(" +
         values + "))";
}

std::string InsertTasks(std::string_view conflict, std::string_view table, size_t rows) {
  TREADLE_CHECK(rows > 0);
  std::string sql = "INSERT OR " + std::string(conflict) + " INTO " + std::string(table) + " (";
  for (const std::string_view column : ColumnsOf(table)) sql.append(column).append(", ");
  const bool has_result = table == "done";
  sql += has_result ? "digest, result, payload) VALUES " : "digest, payload) VALUES ";
  // Without numbers, which SQLite would note, each after a look at all before it.
  std::string row = "(?";
  for (size_t i = has_result ? 2 : 1; i > 0; --i) row += ", ?";
  for (size_t i = ColumnsOf(table).size(); i > 0; --i) row += ", ?";
  row += ")";
  for (size_t i = 0; i < rows; ++i) sql.append(i == 0 ? "" : ", ").append(row);
  return sql;
}

std::string InsertRowsOf(std::string_view table, std::string_view from) {
  return "INSERT INTO " + std::string(table) + " SELECT " + ColumnList(table) + ", " +
         DigestOf(table, {}) + " FROM " + std::string(from);
}

std::string UpdateRow(std::string_view table, const Cells& changed) {
  std::string sql = "UPDATE " + std::string(table) + " SET ";
  for (const Cell& cell : changed)
    sql.append(cell.column).append(" = ").append(cell.value).append(", ");
  return sql + "digest = " + DigestOf(table, changed);
}

std::string ColumnList(std::string_view table) {
  std::string list;
  for (const std::string_view column : ColumnsOf(table))
    list.append(list.empty() ? "" : ", ").append(column);
  return list;
}

bool HasDigest(const Rows& row, int count, int64_t digest) {
  TREADLE_CHECK(count <= row.columns());
  thread_local RowDigest found;
  found.Clear();
  for (int i = 0; i < count; ++i) AddValue(row.Value(i), &found);
  return found.Get() == digest;
}

std::string IsSound(std::string_view table) { return "digest IS " + DigestOf(table, {}); }

}  // namespace treadle
