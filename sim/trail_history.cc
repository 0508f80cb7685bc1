#include "sim/trail_history.h"

#include <algorithm>

#include "model/limits.h"

namespace treadle::sim {
namespace {

// Nothing: the attempt completed, which leaves no record.
std::optional<AttemptOutcome> OutcomeOf(const Report& report) {
  switch (report.kind) {
    case Report::Kind::kCompleted:
      return std::nullopt;
    case Report::Kind::kFailed:
      return AttemptOutcome::kFailed;
    case Report::Kind::kReleased:
      return AttemptOutcome::kReleased;
    case Report::Kind::kSnoozed:
      return report.delay_ms.value_or(0) == 0 ? AttemptOutcome::kReleased
                                              : AttemptOutcome::kSnoozed;
    case Report::Kind::kDiscarded:
      return AttemptOutcome::kDiscarded;
  }
  return std::nullopt;
}

// A task that often came back waits a little even then, and counts as snoozed.
bool MayWait(const Report& report) {
  return report.kind == Report::Kind::kSnoozed && report.delay_ms.value_or(0) == 0 &&
         report.token.attempt > 10;
}

std::string AttemptName(TaskId id, uint32_t attempt) {
  return "attempt " + std::to_string(attempt) + " of " + id.ToString();
}

}  // namespace

void TrailHistory::Logging(const Token& token, const std::string& text) {
  tasks_[token.task].logs[token.attempt].text = text;
}

void TrailHistory::Logged(const Token& token, uint32_t bytes) {
  Log& log = tasks_[token.task].logs[token.attempt];
  if (bytes > log.text.size())
    violation_("the server keeps more of the log of " + AttemptName(token.task, token.attempt) +
               " than was sent");
  log.kept = std::max(log.kept, bytes);
}

void TrailHistory::Reporting(const Report& report) {
  if (report.kind != Report::Kind::kCompleted) return;
  tasks_[report.token.task].results[report.token] = report.result->bytes;
}

void TrailHistory::Reported(const Report& report) {
  Known& task = tasks_[report.token.task];
  if (const auto outcome = OutcomeOf(report))
    task.ends[report.token.attempt] = MayWait(report) ? std::nullopt : outcome;
  if (report.log)
    Logged(report.token, report.log->offset + static_cast<uint32_t>(report.log->text.size()));
}

void TrailHistory::Lost(const Token& token) {
  tasks_[token.task].ends.try_emplace(token.attempt, std::nullopt);
}

TrailHistory::Told TrailHistory::Asking(TaskId id) const {
  Told told;
  const auto task = tasks_.find(id);
  if (task == tasks_.end()) return told;
  told.ends = task->second.ends;
  if (!told.ends.empty()) told.attempt = told.ends.rbegin()->first;
  for (const auto& [attempt, log] : task->second.logs) told.log_bytes[attempt] = log.kept;
  return told;
}

uint32_t TrailHistory::LoggedAttempt(TaskId id) const {
  const auto task = tasks_.find(id);
  if (task == tasks_.end() || task->second.logs.empty()) return 0;
  return task->second.logs.rbegin()->first;
}

void TrailHistory::SeenHistory(TaskId id, const Told& told, const HistoryReply& reply,
                               const Circumstances& circumstances) {
  uint32_t expected = 0;
  for (const AttemptRecord& record : reply.history.attempts)
    if (record.attempt != ++expected) {
      violation_("the history of " + id.ToString() + " has attempt " +
                 std::to_string(record.attempt) + " where " + std::to_string(expected) +
                 " should stand");
      return;
    }
  if (circumstances.is_current) CheckEnds(id, told, reply, circumstances.may_be_cancelled);
}

void TrailHistory::CheckEnds(TaskId id, const Told& told, const HistoryReply& reply,
                             bool may_be_cancelled) {
  // Every lease before the newest one has ended without completing the task.
  const TaskImage& image = reply.view.task.image;
  const uint32_t ended = std::max(told.attempt, image.attempt == 0 ? 0 : image.attempt - 1);
  if (reply.history.attempts.size() < ended)
    return violation_(AttemptName(id, ended) + " has ended, but the history has only " +
                      std::to_string(reply.history.attempts.size()));
  for (const auto& [attempt, outcome] : told.ends) {
    const AttemptOutcome seen = reply.history.attempts[attempt - 1].outcome;
    if (!outcome || seen == *outcome) continue;
    if (may_be_cancelled && seen == AttemptOutcome::kCancelled) continue;
    violation_(AttemptName(id, attempt) + " was reported as " +
               std::string(AttemptOutcomeName(*outcome)) + ", and its history says " +
               std::string(AttemptOutcomeName(seen)));
  }
}

void TrailHistory::SeenLog(TaskId id, const Told& told, const LogReply& reply, bool is_current) {
  const auto task = tasks_.find(id);
  if (task == tasks_.end()) return;
  const auto log = task->second.logs.find(reply.attempt);
  if (log == task->second.logs.end()) return;
  if (!log->second.text.starts_with(reply.text))
    return violation_("the log of " + AttemptName(id, reply.attempt) + " is not what was sent");
  const auto kept = told.log_bytes.find(reply.attempt);
  const bool is_among_the_newest =
      reply.attempt + limits::kLogsKept > task->second.logs.rbegin()->first;
  if (is_current && is_among_the_newest && kept != told.log_bytes.end() &&
      reply.text.size() < kept->second)
    violation_("the log of " + AttemptName(id, reply.attempt) + " has " +
               std::to_string(reply.text.size()) + " bytes, but the server said it keeps " +
               std::to_string(kept->second) + " bytes");
}

void TrailHistory::SeenResult(const TaskView& view) {
  const TaskImage& image = view.task.image;
  if (image.state != TaskState::kCompleted) return;
  const auto task = tasks_.find(image.id);
  if (task == tasks_.end()) return;
  const auto result = task->second.results.find(image.token());
  if (result == task->second.results.end()) return;
  if (view.task.result == nullptr || view.task.result->bytes != result->second)
    violation_(image.id.ToString() + " has another result than was reported");
}

}  // namespace treadle::sim
