#include "store/sqlite/trail_rows.h"

#include <optional>
#include <utility>

#include "model/limits.h"
#include "store/sqlite/row_digest.h"

namespace treadle {
namespace {

using NullableText = std::optional<std::string_view>;

NullableText OrNull(std::string_view text) {
  return text.empty() ? NullableText() : NullableText(text);
}

// The index has only those tasks that left a trail.
std::string RetireFrom(const std::string& table) {
  return "DELETE FROM " + table +
         " WHERE task IN (SELECT id FROM done INDEXED BY done_with_trail"
         " WHERE queue = ?1 AND state = ?2 AND ordinal < ?3 AND has_trail)";
}

Status DamagedTrail(const std::string& what, TaskId task) {
  return {Code::kDataLoss, what + " of task " + task.ToString() +
                               " is damaged in the store; run treadle data check"};
}

}  // namespace

TrailWriter::TrailWriter(Connection* db)
    : attempt_(db, InsertRow("attempt")),
      old_attempts_(db, "DELETE FROM attempt WHERE task = ?1 AND attempt <= ?2"),
      log_(db, InsertRow("log")),
      old_logs_(db, "DELETE FROM log WHERE task = ?1 AND attempt <= ?2"),
      saved_(db, InsertRow("saved")),
      remove_saved_(db, "DELETE FROM saved WHERE task = ?1"),
      retire_attempts_(db, RetireFrom("attempt")),
      retire_log_(db, RetireFrom("log")),
      retire_saved_(db, RetireFrom("saved")) {}

Status TrailWriter::Add(TaskId task, const TrailChange& change) {
  for (const AttemptRecord& ended : change.ended) TREADLE_RETURN_IF_ERROR(AddAttempt(task, ended));
  for (const LogPiece& piece : change.log) TREADLE_RETURN_IF_ERROR(AddLog(task, piece));
  for (const auto& [name, saved] : change.saved.steps)
    TREADLE_RETURN_IF_ERROR(Save(task, name, saved));
  return change.saved.checkpoint ? Save(task, "", *change.saved.checkpoint) : Status();
}

Status TrailWriter::AddAttempt(TaskId task, const AttemptRecord& ended) {
  const TaskError* const error = ended.error.get();
  TREADLE_RETURN_IF_ERROR(attempt_.Run(
      task.packed, ended.attempt, AttemptOutcomeName(ended.outcome), OrNull(ended.worker),
      OrNull(ended.build), ended.started_at.ms, ended.ended_at.ms, ended.wait_ms,
      error == nullptr ? NullableText() : NullableText(error->code),
      error == nullptr ? NullableText() : NullableText(error->message)));
  if (ended.attempt <= limits::kAttemptsKept) return {};
  return old_attempts_.Run(task.packed, ended.attempt - limits::kAttemptsKept);
}

Status TrailWriter::AddLog(TaskId task, const LogPiece& piece) {
  TREADLE_RETURN_IF_ERROR(
      log_.Run(task.packed, piece.attempt, piece.offset, std::string_view(piece.text)));
  if (piece.attempt <= limits::kLogsKept || piece.offset > 0) return {};
  return old_logs_.Run(task.packed, piece.attempt - limits::kLogsKept);
}

Status TrailWriter::Save(TaskId task, std::string_view name, const SavedBytes& saved) {
  return saved_.Run(task.packed, name, OrNull(saved.content_type), Blob{saved.bytes});
}

Status TrailWriter::Retire(QueueId queue, TaskState state, uint64_t from) {
  for (Statement* const retire : {&retire_attempts_, &retire_log_, &retire_saved_})
    TREADLE_RETURN_IF_ERROR(retire->Run(queue, static_cast<uint8_t>(state), from));
  return {};
}

TrailReader::TrailReader(Connection* db)
    : attempts_(db, "SELECT " + IsSound("attempt") +
                        ", attempt, outcome, worker, build, started_at_ms, ended_at_ms, wait_ms,"
                        " error_code, error_message FROM attempt WHERE task = ?1 ORDER BY attempt"),
      saved_(db, "SELECT " + IsSound("saved") +
                     ", name, content_type, value FROM saved WHERE task = ?1"),
      log_(db, "SELECT " + IsSound("log") +
                   ", text FROM log WHERE task = ?1 AND attempt = ?2 ORDER BY offset") {}

Result<TaskHistory> TrailReader::History(TaskId task) {
  TaskHistory history;
  TREADLE_ASSIGN_OR_RETURN(const auto saved, Saved(task));
  if (!saved.is_sound) return DamagedTrail("what was saved", task);
  if (saved.saved != nullptr) history.saved = *saved.saved;
  Rows rows = attempts_.Query(task.packed);
  while (rows.Next()) {
    if (!rows.As<bool>(0)) return DamagedTrail("an attempt", task);
    AttemptRecord& attempt = history.attempts.emplace_back();
    attempt.attempt = rows.As<uint32_t>(1);
    attempt.outcome = AttemptOutcomeFromName(rows.Bytes(2)).value_or(AttemptOutcome::kFailed);
    attempt.worker = rows.Bytes(3);
    attempt.build = rows.Bytes(4);
    attempt.started_at = {rows.Int(5)};
    attempt.ended_at = {rows.Int(6)};
    attempt.wait_ms = rows.Int(7);
    if (rows.IsNull(8)) continue;
    attempt.error = std::make_shared<TaskError>(TaskError{rows.String(8), rows.String(9)});
  }
  TREADLE_RETURN_IF_ERROR(rows.status());
  return history;
}

Result<SavedRows> TrailReader::Saved(TaskId task) {
  auto saved = std::make_shared<TaskSaved>();
  SavedRows found;
  Rows rows = saved_.Query(task.packed);
  while (rows.Next()) {
    found.is_sound = found.is_sound && rows.As<bool>(0);
    const std::string_view name = rows.Bytes(1);
    SavedBytes& one = name.empty() ? saved->checkpoint.emplace() : saved->steps[std::string(name)];
    one.content_type = rows.Bytes(2);
    one.bytes = rows.Bytes(3);
  }
  TREADLE_RETURN_IF_ERROR(rows.status());
  if (!saved->empty()) found.saved = std::move(saved);
  return found;
}

Result<std::string> TrailReader::Log(TaskId task, uint32_t attempt) {
  std::string text;
  Rows rows = log_.Query(task.packed, attempt);
  while (rows.Next()) {
    if (!rows.As<bool>(0)) return DamagedTrail("the log", task);
    text += rows.Bytes(1);
  }
  TREADLE_RETURN_IF_ERROR(rows.status());
  return text;
}

}  // namespace treadle
