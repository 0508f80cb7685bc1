#include "store/sqlite/people_views.h"

#include <initializer_list>
#include <string_view>

#include "store/sqlite/task_row.h"

namespace treadle {
namespace {

// The byte of the image at `at`, an expression that counts from 0. SQL has no other way to make a
// number of a byte.
std::string Byte(const std::string& at) {
  const std::string hex = "hex(substr(image, " + at + " + 1, 1))";
  return "(instr('123456789ABCDEF', substr(" + hex +
         ", 1, 1)) * 16 + instr('123456789ABCDEF', substr(" + hex + ", 2, 1)))";
}

// Times and numbers that people meet have no more than six bytes.
std::string Number(const std::string& from, RowPart part) {
  constexpr int kBytesMax = 6;
  std::string sum;
  for (int i = part.size > kBytesMax ? part.size - kBytesMax : 0; i < part.size; ++i)
    sum += (sum.empty() ? "(" : " + ") + Byte(from + " + " + std::to_string(part.at + i)) + " * " +
           std::to_string(int64_t{1} << 8 * (part.size - 1 - i));
  return sum + ")";
}
std::string Number(RowPart part) { return Number("0", part); }

// NULL unless the row has that part.
std::string If(RowParts part, const std::string& value) {
  return "iif(parts & " + std::to_string(part) + ", " + value + ", NULL)";
}

std::string Text(int which) {
  std::string before;
  for (int i = 0; i < which; ++i) before += " + t" + std::to_string(i);
  return "CAST(substr(image, texts_at + " + std::to_string(2 * kRowTexts + 1) + before + ", t" +
         std::to_string(which) + ") AS TEXT)";
}

std::string Date(const std::string& ms) {
  return "iif(" + ms + " > 0, strftime('%Y-%m-%dT%H:%M:%fZ', " + ms +
         " / 1000.0, 'unixepoch'), NULL)";
}

// Where each part begins.
std::string PartBeginnings(std::string_view rows) {
  const auto skip = [](RowParts part, int bytes) {
    return " + iif(parts & " + std::to_string(part) + ", " + std::to_string(bytes) + ", 0)";
  };
  const std::string core = std::to_string(kRowCoreBytes);
  const std::string end = core + skip(kRowHasAttempt, kRowAttemptBytes);
  const std::string texts =
      end + skip(kRowHasEnd, kRowEndBytes) + skip(kRowHasResult, kRowResultBytes);
  return "SELECT *, " + core + " AS attempt_at, " + end + " AS end_at, " + texts +
         " AS texts_at FROM (" + std::string(rows) + ")";
}

std::string Sizes(const std::string& rows) {
  std::string sql = "SELECT *";
  for (int i = 0; i <= kRowTags; ++i)
    sql += ", ifnull(" + If(kRowHasTexts, Number("texts_at", {2 * i, 2})) + ", 0) AS t" +
           std::to_string(i);
  return sql + " FROM (" + rows + ")";
}

std::string Numbers(const std::string& rows) {
  return "SELECT *, " + Number(kRowQueue) + " AS queue_id, " + Number(kRowType) + " AS type_id, " +
         Number({kRowId.at, 2}) + " AS shard, " + Number(kRowId) + " AS sequence, " +
         Number(kRowRank) + " AS rank, " + Number(kRowMaxAttempts) + " AS max_attempts, " +
         Number(kRowWhen) + " AS when_ms, " + Number(kRowEnqueuedAt) +
         " AS enqueued_at_ms, ifnull(" +
         If(kRowHasAttempt,
            Number("attempt_at", kRowAttempt) + " - " + Number("attempt_at", kRowUnspent)) +
         ", 0) AS attempts, " + If(kRowHasAttempt, Number("attempt_at", kRowStartedAt)) +
         " AS started_at_ms, " + If(kRowHasEnd, Number("end_at", kRowFinishedAt)) +
         " AS finished_at_ms FROM (" + rows + ")";
}

}  // namespace

std::string PeopleViews() {
  const std::string rows = "SELECT state, image, " + Number(kRowParts) +
                           " AS parts, payload, NULL AS result FROM live UNION ALL "
                           "SELECT state, image, " +
                           Number(kRowParts) + ", payload, result FROM done";
  const std::string names = " FROM (" + Numbers(Sizes(PartBeginnings(rows))) +
                            ") AS task LEFT JOIN queue ON queue.id = task.queue_id"
                            " LEFT JOIN type ON type.id = task.type_id";
  return "CREATE VIEW tasks AS SELECT shard || '-' || sequence AS id, queue.name AS queue,"
         " type.name AS type,"
         " CASE state WHEN 1 THEN 'scheduled' WHEN 2 THEN 'ready' WHEN 3 THEN 'running'"
         " WHEN 4 THEN 'retrying' WHEN 5 THEN 'completed' WHEN 6 THEN 'dead'"
         " WHEN 7 THEN 'cancelled' WHEN 8 THEN 'expired' END AS state,"
         " 9 - rank AS priority, attempts, task.max_attempts, " +
         Date("enqueued_at_ms") + " AS enqueued_at, " + "iif(state = 1, " + Date("when_ms") +
         ", NULL) AS run_at, " + Date("started_at_ms") + " AS started_at, " +
         Date("finished_at_ms") + " AS finished_at, " + If(kRowHasHolder, Text(kRowWorker)) +
         " AS worker, " + If(kRowHasError, Text(kRowErrorCode)) + " AS error_code, " +
         If(kRowHasError, Text(kRowErrorMessage)) + " AS error_message, nullif(" + Text(kRowTags) +
         ", '') AS tags, iif(t" + std::to_string(kRowContentType) + ", " + Text(kRowContentType) +
         ", 'application/json') AS content_type, CAST(payload AS TEXT) AS payload,"
         " CAST(result AS TEXT) AS result" +
         names +
         "; CREATE VIEW queues AS SELECT name, accepted, removed_retention, removed_deleted,"
         " removed_moved, removed_replaced, paused, max_attempts, lease_ms, attempt_timeout_ms"
         " FROM queue LEFT JOIN counters ON counters.queue = queue.id;";
}

}  // namespace treadle
