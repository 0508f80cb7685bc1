// treadle task get
#include <fmt/format.h>

#include <memory>

#include "base/hash.h"
#include "cli/commands.h"
#include "cli/each_task.h"
#include "cli/task_bytes.h"
#include "console/table.h"
#include "console/task_outcome.h"

namespace treadle::cli {
namespace {

constexpr int64_t kFetchedBytesMax = 64 << 10;  // of a payload of which 1 KiB is shown

std::string ValueText(const JsonNode& value) {
  if (value.kind == JsonNode::Kind::kString) return value.text;
  if (value.Find("code") != nullptr) return value.Text("code") + ": " + value.Text("message");
  return std::string(value.raw);
}

void AddLines(std::string_view name, const std::vector<std::string>& lines, Table* table) {
  for (size_t i = 0; i < lines.size(); ++i) table->Row({i == 0 ? std::string(name) : "", lines[i]});
}

void AddResult(Session& session, const JsonNode& view, Table* table) {
  const JsonNode* json = view.Find("result");
  const JsonNode* base64 = view.Find("result_base64");
  if (json == nullptr && base64 == nullptr) return;
  const std::string command = session.CommandLineFor("task result " + view.Text("id"));
  if (view.IsTrue("sensitive"))
    return table->Row({"result", "(sensitive; show it with: " + command + ")"});
  const std::string bytes =
      json == nullptr ? FromBase64(base64->text).value_or("") : std::string(json->raw);
  AddLines("result", TextOfBytes(bytes, view.Text("result_content_type"), command), table);
}

Status AddPayloadRow(Session& session, const JsonNode& view, Table* table) {
  const JsonNode* size = view.Find("payload_bytes");
  if (size == nullptr) return {};
  const std::string id = view.Text("id");
  const std::string command = session.CommandLineFor("task payload " + id);
  if (view.IsTrue("sensitive"))
    return table->Row({"payload", "(sensitive; show it with: " + command + ")"}), Status::Ok();
  if (view.Integer("payload_bytes") > kFetchedBytesMax)
    return table->Row({"payload", "(show it with: " + command + ")"}), Status::Ok();
  TREADLE_ASSIGN_OR_RETURN(const ServerAnswer payload,
                           session.CallBytes("/v1/tasks/" + id + "/payload"));
  AddLines("payload", TextOfBytes(payload.body, view.Text("content_type"), command), table);
  return {};
}

Status PrintTask(Session& session, const JsonNode& view) {
  Table table({{}, {}});
  for (const auto& [name, value] : view.members) {
    if (name == "result" || name == "result_base64") continue;
    const Color color = name == "state" ? ColorOfState(value.text) : Color::kPlain;
    table.Row({name, {ValueText(value), name == "error" ? Color::kRed : color}});
  }
  TREADLE_RETURN_IF_ERROR(AddPayloadRow(session, view, &table));
  AddResult(session, view, &table);
  session.console().Out(table.ToString(session.console()));
  return {};
}

void SayWhatIsNext(Session& session, const JsonNode& view) {
  const std::string id = view.Text("id");
  const std::string state = view.Text("state");
  if (!IsEnded(state)) {
    session.Hint("  why it waits: " + session.CommandLineFor("task explain " + id));
  }
  if (state == "completed") {
    session.Hint("  its result:   " + session.CommandLineFor("task result " + id));
  } else if (state == "ready") {
    session.Hint("  run it:       " +
                 session.CommandLineFor(fmt::format("worker exec {} --queue {} -- tr a-z A-Z",
                                                    view.Text("type"), view.Text("queue"))));
  } else if (state == "dead") {
    session.Hint("  redrive it:   " + session.CommandLineFor("task redrive " + id));
    session.Hint("  all dead:     " + session.CommandLineFor("task list --state dead"));
  }
}

ExitStatus GetTask(Session& session, const std::string& id, bool is_one_of_several) {
  const Result<JsonDocument> view = session.CallJson("GET", "/v1/tasks/" + id, wire::kTaskShape);
  if (!view.ok()) return session.Fail(view.status());
  if (session.json() || session.jsonl()) return PrintJson(session, view->root), ExitStatus::kOk;
  if (const Status status = PrintTask(session, view->root); !status.ok())
    return session.Fail(status);
  if (is_one_of_several) {
    session.console().Out("\n");
  } else {
    SayWhatIsNext(session, view->root);
  }
  return ExitStatus::kOk;
}

}  // namespace

void AddTaskGet(Command parent, Session& session) {
  auto ids = std::make_shared<std::vector<std::string>>();
  Command command = parent.Sub("get", "Show tasks, with payload and result if they are text");
  AddIds(command, ids.get())
      .Example("treadle task get 1-42\ntreadle task get 1-42 1-43 -o json")
      .Run([ids, &session] {
        return ForEachTask(session, *ids, [&](const std::string& id) {
          return GetTask(session, id, ids->size() > 1);
        });
      });
}

}  // namespace treadle::cli
