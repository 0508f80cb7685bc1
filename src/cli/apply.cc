// treadle apply
#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "cli/queue_file.h"
#include "cli/table.h"
#include "client/wire.h"

namespace treadle::cli {
namespace {

struct ApplyFlags {
  std::string file;
  bool dry_run = false;
};

/// What the server has to change about one queue.
struct QueueChange {
  struct Field {
    WantedField wanted;
    int64_t now = -1;  // -1: the queue is not there yet
  };
  std::string name;
  bool is_new = false;
  std::vector<Field> fields;

  bool empty() const { return !is_new && fields.empty(); }
};

std::string PathOf(const std::string& queue) { return "/v1/queues/" + wire::PercentEncode(queue); }

Result<QueueChange> Compare(Session& session, const WantedQueue& queue) {
  QueueChange change{.name = queue.name};
  const Result<JsonDocument> now = session.CallJson("GET", PathOf(queue.name));
  if (!now.ok() && now.status().code() != Code::kNotFound) return now.status();
  change.is_new = !now.ok();
  const JsonValue* const policy = now.ok() ? now->root.Find("policy") : nullptr;
  for (const WantedField& wanted : queue.fields) {
    const int64_t value = policy == nullptr ? -1 : wanted.field->In(*policy);
    if (value != wanted.value) change.fields.push_back({wanted, value});
  }
  return change;
}

Status Put(Session& session, const QueueChange& change) {
  std::vector<WantedField> fields;
  for (const QueueChange::Field& each : change.fields) fields.push_back(each.wanted);
  return session.CallJson("PUT", PathOf(change.name), PolicyChangeJson(fields)).status();
}

std::string InJson(const QueueChange& change) {
  std::vector<std::string> fields;
  for (const auto& [wanted, now] : change.fields) {
    JsonObject field;
    field.Text("field", wanted.field->name);
    if (now >= 0) field.Text("from", wanted.field->Text(now));
    fields.push_back(field.Text("to", wanted.field->Text(wanted.value)).Done());
  }
  return JsonObject()
      .Text("queue", change.name)
      .Bool("new", change.is_new)
      .Raw("fields", fmt::format("[{}]", fmt::join(fields, ",")))
      .Done();
}

std::string InTable(Session& session, const std::vector<QueueChange>& changes) {
  Table table({{"QUEUE"}, {"FIELD"}, {"NOW"}, {"THEN"}});
  for (const QueueChange& change : changes) {
    const std::string name = Printable(change.name);
    if (change.is_new) table.Row({name, "(the queue)", "-", {"new", Color::kGreen}});
    for (const auto& [wanted, now] : change.fields) {
      table.Row({name,
                 std::string(wanted.field->name),
                 wanted.field->Text(now),
                 {wanted.field->Text(wanted.value), Color::kGreen}});
    }
  }
  return table.ToString(session.console());
}

ExitStatus Print(Session& session, const std::vector<QueueChange>& changes, bool dry_run) {
  std::vector<std::string> lines;
  for (const QueueChange& change : changes) lines.push_back(InJson(change));
  if (session.jsonl()) {
    for (const std::string& line : lines) session.console().OutLine(line);
  } else if (session.json()) {
    const auto document = ReadJson(JsonObject()
                                       .Bool("dry_run", dry_run)
                                       .Raw("changes", fmt::format("[{}]", fmt::join(lines, ",")))
                                       .Done());
    if (!document.ok()) return session.Fail(document.status());
    PrintJson(session, document->root);
  } else if (changes.empty()) {
    session.console().Message("nothing to change: the server has what the file says");
  } else {
    session.console().Out(InTable(session, changes));
    if (dry_run) session.console().Message("a dry run: nothing was changed");
  }
  return ExitStatus::kOk;
}

// All is read and compared before anything is changed.
ExitStatus Apply(Session& session, const ApplyFlags& flags) {
  if (flags.file.empty()) return session.Fail(ExitStatus::kUsage, "apply needs a file: -f FILE");
  const auto queues = ReadQueueFile(flags.file);
  if (!queues.ok()) return session.Fail(queues.status());
  std::vector<QueueChange> changes;
  for (const WantedQueue& queue : *queues) {
    Result<QueueChange> change = Compare(session, queue);
    if (!change.ok()) return session.Fail(change.status());
    if (!change->empty()) changes.push_back(*std::move(change));
  }
  if (const ExitStatus said = Print(session, changes, flags.dry_run); said != ExitStatus::kOk) {
    return said;
  }
  for (size_t i = 0; i < changes.size() && !flags.dry_run; ++i) {
    const Status status = Put(session, changes[i]);
    if (status.ok()) continue;
    return session.Fail(ExitStatusFor(status),
                        fmt::format("queue {}: {}; {} of {} queues are changed", changes[i].name,
                                    status.message(), i, changes.size()));
  }
  return ExitStatus::kOk;
}

}  // namespace

void AddApply(Command parent, Session& session) {
  auto flags = std::make_shared<ApplyFlags>();
  parent.Sub("apply", "Make queues and their policies what a file says")
      .Text("-f,--file", "FILE", &flags->file, "The file, in TOML")
      .Switch("--dry-run", &flags->dry_run, "Show what would change, and change nothing")
      .Example("treadle apply -f queues.toml --dry-run")
      .Footer(
          "The file names what shall differ from the defaults; what it leaves out stays:\n"
          "  [queues.emails]\n"
          "  lease = \"30s\"\n"
          "  idempotency_window = \"1d\"\n"
          "  retry = { backoff_base = \"500ms\", backoff_cap = \"1m\" }\n"
          "  retention = { completed_tasks = 1000, completed = \"1d\", completed_bytes = "
          "\"64MiB\", dead = \"30d\" }\n")
      .Run([flags, &session] { return Apply(session, *flags); });
}

}  // namespace treadle::cli
