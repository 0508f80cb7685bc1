// treadle task list
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "base/terminal_text.h"
#include "cli/commands.h"
#include "cli/task_filter.h"
#include "client/wire.h"
#include "console/pages.h"
#include "console/table.h"

namespace treadle::cli {
namespace {

constexpr int64_t kPageTasks = 1'000;

struct ListFlags {
  TaskFilter filter;
  std::string cursor;
  std::optional<int64_t> limit;
  bool all = false;
};

std::string TargetOf(const ListFlags& flags, int64_t limit, const std::string& cursor) {
  std::string target = fmt::format("/v1/tasks?limit={}", limit);
  if (const std::string query = QueryOf(flags.filter); !query.empty()) target += '&' + query;
  if (!cursor.empty()) target += "&cursor=" + wire::PercentEncode(cursor);
  return target;
}

std::string ErrorOf(const JsonNode& task) {
  static constexpr size_t kColumns = 60;
  const JsonNode* const error = task.Find("error");
  if (error == nullptr) return "";
  const std::string message = error->Text("message");
  return Shortened(
      treadle::Printable(fmt::format("{}: {}", error->Text("code"), TellingLine(message))),
      kColumns);
}

void PrintTasks(Session& session, const std::vector<JsonNode>& tasks) {
  using enum Table::Align;
  Table table(
      {{"ID"}, {"TYPE"}, {"QUEUE"}, {"STATE"}, {"ATTEMPT", kRight}, {"ENQUEUED"}, {"ERROR"}});
  for (const JsonNode& task : tasks) {
    const std::string state = task.Text("state");
    table.Row({task.Text("id"),
               task.Text("type"),
               task.Text("queue"),
               {state, ColorOfState(state)},
               fmt::format("{}/{}", task.Integer("attempt"), task.Integer("max_attempts")),
               task.Text("enqueued_at"),
               ErrorOf(task)});
  }
  session.console().Out(table.ToString(session.console()));
}

/// Pages follow one another without a gap, so that a list of any length costs the memory of one
/// page, except as one JSON document.
class Lister {
 public:
  Lister(Session& session, const ListFlags& flags)
      : session_(session),
        flags_(flags),
        left_(flags.all ? std::numeric_limits<int64_t>::max() : flags.limit.value_or(50)),
        cursor_(flags.cursor) {}

  ExitStatus Run() {
    do {
      Result<JsonDocument> page = session_.CallJson(
          "GET", TargetOf(flags_, std::min(left_, kPageTasks), cursor_), wire::kTaskListShape);
      if (!page.ok()) return session_.Fail(page.status());
      cursor_ = page->root.Text("next_cursor");
      if (const Status status = guard_.Check(cursor_); !status.ok()) return session_.Fail(status);
      as_of_ = page->root.Text("as_of");
      const JsonNode* tasks = page->root.Find("tasks");
      left_ -= static_cast<int64_t>(tasks->items.size());
      Take(tasks->items);
    } while (!cursor_.empty() && left_ > 0 && !session_.console().out_is_closed());
    Finish();
    return ExitStatus::kOk;
  }

 private:
  void Take(const std::vector<JsonNode>& tasks) {
    if (session_.json()) {
      for (const JsonNode& task : tasks)
        json_ += fmt::format("{}{}", json_.empty() ? "" : ",", task.raw);
    } else if (session_.jsonl()) {
      for (const JsonNode& task : tasks) session_.console().OutLine(task.raw);
    } else if (!tasks.empty()) {
      PrintTasks(session_, tasks);
      any_ = true;
    }
  }

  void Finish() {
    if (session_.json()) {
      JsonObject list;
      list.Raw("tasks", '[' + json_ + ']');
      if (!cursor_.empty()) list.Text("next_cursor", cursor_);
      const Result<JsonDocument> whole = ReadJson(list.Text("as_of", as_of_).Done());
      PrintJson(session_, whole.value().root);
    } else if (!session_.jsonl() && !any_) {
      session_.console().Message("no task matches");
    }
    if (!cursor_.empty())
      session_.Hint(fmt::format("  there are more: --all, or --cursor {}", cursor_));
  }

  Session& session_;
  const ListFlags& flags_;
  int64_t left_;
  std::string cursor_;
  CursorGuard guard_;
  std::string as_of_;
  std::string json_;
  bool any_ = false;
};

}  // namespace

void AddTaskList(Command parent, Session& session) {
  auto flags = std::make_shared<ListFlags>();
  Command command = parent.Sub("list", "List tasks, newest first");
  AddFilterFlags(command, &flags->filter);
  command.Number("-n,--limit", &flags->limit, 1, 1'000'000, "At most this many (default 50)")
      .Text("--cursor", "CURSOR", &flags->cursor, "Continue where an earlier list ended")
      .Switch("-a,--all", &flags->all, "List all of them")
      .Example("treadle task list --state dead\ntreadle task list --queue billing --all -o jsonl")
      .Run([flags, &session] { return Lister(session, *flags).Run(); });
}

}  // namespace treadle::cli
