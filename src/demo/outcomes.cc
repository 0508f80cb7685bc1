#include "demo/outcomes.h"

#include <fmt/format.h>

#include "base/ids.h"
#include "base/units.h"
#include "client/wire.h"
#include "console/pages.h"
#include "demo/job.h"

namespace treadle::demo {
namespace {

WallTime TimeOf(const JsonNode& view, std::string_view name) {
  return ParseWallTime(view.Text(name)).value_or(WallTime{});
}

Result<FileOutcome> ReadOutcome(const JsonNode& view, bool completed) {
  FileOutcome outcome{.id = view.Text("id"),
                      .completed = completed,
                      .attempt = view.Integer("attempt"),
                      .enqueued = TimeOf(view, "enqueued_at"),
                      .started = TimeOf(view, "started_at"),
                      .finished = TimeOf(view, "finished_at")};
  const JsonNode* error = view.Find("error");
  const JsonNode* result = view.Find("result");
  if (!completed && error != nullptr)
    outcome.error = error->Text("code") + ": " + error->Text("message");
  if (completed && result == nullptr) {
    return Status(
        Code::kInternal,
        fmt::format("task {} is completed, but the list does not have its result", outcome.id));
  }
  if (completed) {
    TREADLE_ASSIGN_OR_RETURN(outcome.digest, ReadDigestResult(*result));
  }
  return outcome;
}

/// True if `id` was made after `scan`; an id that is none is not.
bool IsAfter(const std::string& id, const TaskId& scan) {
  const auto task = TaskId::Parse(id);
  return task && task->sequence() > scan.sequence();
}

/// Adds what one page lists; false: the list has come down to tasks that are older than the run.
Result<bool> AddPage(const JsonNode& page, const std::string& prefix, TaskId scan, bool completed,
                     Outcomes* outcomes) {
  for (const JsonNode& view : page.Find("tasks")->items) {
    if (!IsAfter(view.Text("id"), scan)) return false;
    const std::string key = view.Text("idempotency_key");
    if (!key.starts_with(prefix)) continue;
    TREADLE_ASSIGN_OR_RETURN(FileOutcome outcome, ReadOutcome(view, completed));
    const auto [known, fresh] = outcomes->by_key.try_emplace(key, outcome);
    if (fresh || known->second.id == outcome.id) continue;
    if (completed && known->second.completed) ++outcomes->duplicates;
    if (completed) known->second = std::move(outcome);
  }
  return true;
}

}  // namespace

Result<Outcomes> ReadOutcomes(Session& session, const std::string& run,
                              const std::string& scan_id) {
  const TaskId scan = TaskId::Parse(scan_id).value_or(TaskId{});
  Outcomes outcomes;
  for (const bool completed : {true, false}) {
    std::string cursor;
    CursorGuard guard;
    bool more = true;
    while (more) {
      std::string target =
          fmt::format("/v1/tasks?queue={}&type={}&state={}&results=true&limit=1000", kQueue,
                      kDigest, completed ? "completed" : "dead");
      if (!cursor.empty()) target += "&cursor=" + wire::PercentEncode(cursor);
      TREADLE_ASSIGN_OR_RETURN(const JsonDocument page,
                               session.CallJson("GET", target, wire::kTaskListShape));
      TREADLE_ASSIGN_OR_RETURN(more, AddPage(page.root, run + ':', scan, completed, &outcomes));
      cursor = page.root.Text("next_cursor");
      TREADLE_RETURN_IF_ERROR(guard.Check(cursor));
      more = more && !cursor.empty();
    }
  }
  return outcomes;
}

}  // namespace treadle::demo
