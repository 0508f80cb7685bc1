// treadle task errors: failures that are alike, counted together
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/terminal_text.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/task_filter.h"
#include "client/wire.h"
#include "console/pages.h"
#include "console/table.h"

namespace treadle::cli {
namespace {

constexpr int64_t kTasksMax = 100'000;  // looked at for one answer
constexpr size_t kMessageColumns = 70;

struct ErrorsFlags {
  TaskFilter filter;
  std::optional<int64_t> limit;
};

/// Failures that are alike.
struct Group {
  int64_t tasks = 0;
  std::string fingerprint;
  std::string type;
  std::string code;
  std::string message;  // of the newest
  std::string newest;   // id and end
  std::string newest_at;
  std::string oldest_at;
};

void Note(const JsonNode& task, std::map<std::string, Group>* groups) {
  const JsonNode* error = task.Find("error");
  if (error == nullptr) return;
  Group& group = (*groups)[error->Text("fingerprint")];
  const std::string at =
      task.Text("finished_at").empty() ? task.Text("started_at") : task.Text("finished_at");
  if (group.tasks++ == 0) {  // lists begin with the newest
    group.fingerprint = error->Text("fingerprint");
    group.type = task.Text("type");
    group.code = error->Text("code");
    group.message = error->Text("message");
    group.newest = task.Text("id");
    group.newest_at = at;
  }
  group.oldest_at = at;
}

Result<std::map<std::string, Group>> CollectGroups(Session& session, const TaskFilter& filter,
                                                   int64_t limit, bool* cut) {
  std::map<std::string, Group> groups;
  std::string cursor;
  CursorGuard guard;
  int64_t seen = 0;
  do {
    std::string target = "/v1/tasks?limit=1000&" + QueryOf(filter);
    if (!cursor.empty()) target += "&cursor=" + wire::PercentEncode(cursor);
    TREADLE_ASSIGN_OR_RETURN(const JsonDocument page,
                             session.CallJson("GET", target, wire::kTaskListShape));
    for (const JsonNode& task : page.root.Find("tasks")->items) Note(task, &groups);
    seen += static_cast<int64_t>(page.root.Find("tasks")->items.size());
    cursor = page.root.Text("next_cursor");
    TREADLE_RETURN_IF_ERROR(guard.Check(cursor));
  } while (!cursor.empty() && seen < limit);
  *cut = !cursor.empty();
  return groups;
}

std::string GroupJson(const Group& group) {
  return JsonObject()
      .Text("fingerprint", group.fingerprint)
      .Integer("tasks", group.tasks)
      .Text("type", group.type)
      .Text("code", group.code)
      .Text("message", group.message)
      .Text("newest", group.newest)
      .Text("newest_at", group.newest_at)
      .Text("oldest_at", group.oldest_at)
      .Done();
}

void PrintGroups(Session& session, const std::vector<Group>& groups) {
  using enum Table::Align;
  Table table({{"TASKS", kRight}, {"TYPE"}, {"CODE"}, {"MESSAGE"}, {"NEWEST"}, {"FINGERPRINT"}});
  for (const Group& group : groups) {
    table.Row({WithCommas(group.tasks),
               group.type,
               {group.code, Color::kRed},
               Shortened(treadle::Printable(TellingLine(group.message)), kMessageColumns),
               group.newest,
               group.fingerprint});
  }
  session.console().Out(table.ToString(session.console()));
}

ExitStatus ShowErrors(Session& session, ErrorsFlags flags) {
  if (flags.filter.state.empty()) flags.filter.state = "dead";
  bool cut = false;
  const auto collected =
      CollectGroups(session, flags.filter, flags.limit.value_or(kTasksMax), &cut);
  if (!collected.ok()) return session.Fail(collected.status());
  std::vector<Group> groups;
  for (const auto& [fingerprint, group] : *collected) groups.push_back(group);
  std::ranges::sort(groups, std::greater(), &Group::tasks);
  std::vector<std::string> lines;
  for (const Group& group : groups) lines.push_back(GroupJson(group));
  if (session.jsonl()) {
    for (const std::string& line : lines) session.console().OutLine(line);
  } else if (session.json()) {
    const auto whole = ReadJson(JsonObject()
                                    .Raw("errors", fmt::format("[{}]", fmt::join(lines, ",")))
                                    .Bool("cut", cut)
                                    .Done());
    PrintJson(session, whole.value().root);
  } else if (groups.empty()) {
    session.console().Message("no task has failed like that");
  } else {
    PrintGroups(session, groups);
    session.Hint("  redrive all of one kind:  " +
                 session.CommandLineFor("bulk redrive --state dead --fingerprint " +
                                        groups.front().fingerprint));
  }
  if (cut) session.console().Message("there are more tasks than were counted; raise --limit");
  return ExitStatus::kOk;
}

}  // namespace

void AddTaskErrors(Command parent, Session& session) {
  auto flags = std::make_shared<ErrorsFlags>();
  Command command = parent.Sub("errors", "Count similar failures, most frequent first");
  AddFilterFlags(command, &flags->filter);
  command
      .Number("-n,--limit", &flags->limit, 1, 10'000'000,
              "Look at no more than this many tasks (default 100000)")
      .Example("treadle task errors\ntreadle task errors --queue billing --state retrying")
      .Footer(
          "Errors are similar if they have the same type and code, and their messages differ only "
          "in\n"
          "numbers, words with digits, and quoted text. Without --state, only dead tasks are "
          "counted.\n")
      .Run([flags, &session] { return ShowErrors(session, *flags); });
}

}  // namespace treadle::cli
