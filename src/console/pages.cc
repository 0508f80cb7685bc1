#include "console/pages.h"

#include <fmt/format.h>

#include "client/wire.h"

namespace treadle {

Status CursorGuard::Check(const std::string& cursor) {
  if (cursor.empty() || seen_.insert(cursor).second) return {};
  return {Code::kInternal,
          fmt::format("the server repeated a page of the list: next_cursor \"{}\" came before",
                      cursor)};
}

Status ForEachPage(Session& session, std::string_view path, std::string_view list,
                   const wire::Shape& shape,
                   const std::function<bool(const std::vector<JsonNode>&)>& take,
                   int64_t timeout_ms) {
  CursorGuard guard;
  std::string target(path);
  while (true) {
    TREADLE_ASSIGN_OR_RETURN(const JsonDocument page,
                             session.CallJson("GET", target, shape, {}, timeout_ms));
    const JsonNode* const entries = page.root.Find(list);
    const std::string cursor = page.root.Text("next_cursor");
    TREADLE_RETURN_IF_ERROR(guard.Check(cursor));
    if (!take(entries->items) || cursor.empty()) return {};
    target = fmt::format("{}?cursor={}", path, wire::PercentEncode(cursor));
  }
}

namespace {

// On a line of its own, each line four blanks to the right. (In JSON no string has a line's end.)
std::string Indented(std::string_view json) {
  std::string out = "\n    ";
  for (const char c : json) {
    out += c;
    if (c == '\n') out += "    ";
  }
  return out;
}

}  // namespace

ExitStatus PrintList(Session& session, PrintedList list) {
  std::string json;
  const auto take = [&](const std::vector<JsonNode>& entries) {
    for (const JsonNode& entry : entries) {
      if (session.json())
        json += (json.empty() ? "" : ",") + Indented(PrettyJson(entry));
      else if (session.jsonl())
        session.console().OutLine(entry.raw);
      else
        list.add_row(entry, &list.table);
    }
    return !session.console().out_is_closed();
  };
  const Status status = ForEachPage(session, list.path, list.name, list.shape, take);
  if (!status.ok()) return session.Fail(status);
  if (session.json()) {
    session.console().OutLine(
        fmt::format("{{\n  \"{}\": [{}]\n}}", list.name, json.empty() ? "" : json + "\n  "));
  } else if (!list.table.empty()) {
    session.console().Out(list.table.ToString(session.console()));
  } else if (!session.jsonl()) {
    session.console().Message(list.nothing);
  }
  return ExitStatus::kOk;
}

}  // namespace treadle
