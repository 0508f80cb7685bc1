// treadle data check
#include <fmt/format.h>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/confirm.h"
#include "console/table.h"
#include "json/text.h"

namespace treadle::cli {
namespace {

using Loss = tools::RepairReport::Loss;

struct CheckFlags {
  std::string directory;
  bool repair = false;
  bool yes = false;
};

Table NewTable() { return Table({{"SEVERITY"}, {"WHERE"}, {"WHAT"}}); }

void AddRows(const tools::DataReport& report, Table& table) {
  for (const tools::DataReport::Finding& finding : report.findings) {
    table.Row(
        {{finding.is_damage ? "damage" : "ok", finding.is_damage ? Color::kRed : Color::kPlain},
         finding.where,
         finding.what});
  }
}

std::string Entry(std::string_view severity, std::string_view where, std::string_view what) {
  std::string json = fmt::format(R"({{"severity":"{}","where":)", severity);
  AppendJsonString(where, &json);
  json += ",\"what\":";
  AppendJsonString(what, &json);
  return json + "}";
}

std::vector<std::string> EntriesOf(const tools::DataReport& report) {
  std::vector<std::string> entries;
  entries.reserve(report.findings.size());
  for (const tools::DataReport::Finding& finding : report.findings)
    entries.push_back(Entry(finding.is_damage ? "damage" : "ok", finding.where, finding.what));
  return entries;
}

std::string EntryOf(const Loss& loss) {
  std::string json = Entry("lost", loss.where, loss.what);
  json.pop_back();
  if (loss.first_frame) json += fmt::format(",\"first_frame\":{}", *loss.first_frame);
  if (loss.last_frame) json += fmt::format(",\"last_frame\":{}", *loss.last_frame);
  if (loss.tasks) json += fmt::format(",\"tasks\":{}", *loss.tasks);
  std::string ids;
  for (const std::string& id : loss.ids) {
    ids += ids.empty() ? "" : ",";
    AppendJsonString(id, &ids);
  }
  if (!ids.empty()) json += ",\"ids\":[" + ids + "]";
  return json + "}";
}

void PrintLines(Session& session, const std::vector<std::string>& entries) {
  for (const std::string& entry : entries) session.console().OutLine(entry);
}

void PrintReport(Session& session, const tools::DataReport& report) {
  const std::vector<std::string> entries = EntriesOf(report);
  if (session.jsonl()) return PrintLines(session, entries);
  if (session.json()) {
    return session.console().OutLine(fmt::format("{{\"sound\":{},\"findings\":[{}]}}",
                                                 report.is_sound(), fmt::join(entries, ",")));
  }
  Table table = NewTable();
  AddRows(report, table);
  session.console().Out(table.ToString(session.console()));
}

std::string ToJson(const tools::RepairReport& report, const std::vector<std::string>& steps,
                   const std::vector<std::string>& losses) {
  std::string json =
      fmt::format("{{\"repaired\":{},\"in_order\":{},\"sound\":{}", !report.copy.empty(),
                  report.after.is_in_order(), report.after.is_sound());
  if (!report.copy.empty()) {
    json += ",\"copy\":";
    AppendJsonString(report.copy, &json);
  }
  if (!report.next_task.empty()) json += fmt::format(",\"next_task\":\"{}\"", report.next_task);
  return json + fmt::format(",\"steps\":[{}],\"lost\":[{}],\"findings\":[{}]}}",
                            fmt::join(steps, ","), fmt::join(losses, ","),
                            fmt::join(EntriesOf(report.after), ","));
}

void PrintRepairTable(Session& session, const tools::RepairReport& report) {
  Table table = NewTable();
  for (const tools::RepairReport::Step& step : report.steps)
    table.Row({{"repaired", Color::kGreen}, step.where, step.what});
  for (const Loss& loss : report.losses)
    table.Row({{"lost", Color::kYellow}, loss.where, loss.what});
  AddRows(report.after, table);
  session.console().Out(table.ToString(session.console()));
}

void PrintRepair(Session& session, const tools::RepairReport& report) {
  std::vector<std::string> steps;
  std::vector<std::string> losses;
  steps.reserve(report.steps.size());
  losses.reserve(report.losses.size());
  for (const tools::RepairReport::Step& step : report.steps)
    steps.push_back(Entry("repaired", step.where, step.what));
  for (const Loss& loss : report.losses) losses.push_back(EntryOf(loss));
  if (session.json()) return session.console().OutLine(ToJson(report, steps, losses));
  if (!session.jsonl()) return PrintRepairTable(session, report);
  PrintLines(session, steps);
  PrintLines(session, losses);
  PrintLines(session, EntriesOf(report.after));
}

// What a person may do next.
std::string NextStep(const tools::DataReport& report, const std::string& directory) {
  if (report.is_not_understood)
    return "  a repair cannot help here: use the Treadle that wrote it, or put the right files "
           "back";
  return fmt::format(
      "  restore a backup, or repair what can be repaired (the directory is copied first):\n"
      "  treadle data check {} --repair",
      directory);
}

ExitStatus Check(Session& session, const CheckFlags& flags, const tools::DataTools& tools) {
  const Result<tools::DataReport> report = tools.check(flags.directory);
  if (!report.ok()) return session.FailOnFiles(report.status());
  PrintReport(session, *report);
  if (report->is_sound()) return ExitStatus::kOk;
  session.Hint(NextStep(*report, flags.directory));
  return ExitStatus::kFailure;
}

// Shows what is wrong, before anything is asked or done. Nothing: continue.
std::optional<ExitStatus> AskFirst(Session& session, const CheckFlags& flags,
                                   const tools::DataTools& tools) {
  if (flags.yes) return std::nullopt;
  if (!CanAsk())
    return session.Fail(
        ExitStatus::kUsage,
        "--repair changes the directory, and there is no terminal to confirm it; add --yes");
  const Result<tools::DataReport> report = tools.check(flags.directory);
  if (!report.ok()) return session.FailOnFiles(report.status());
  if (report->is_sound()) return std::nullopt;
  Table table = NewTable();
  AddRows(*report, table);
  session.console().Err(table.ToString(session.console()));
  if (Confirmed(session, fmt::format("Repair {}? The directory is copied first.",
                                     Printable(flags.directory))))
    return std::nullopt;
  return session.Fail(ExitStatus::kFailure, "nothing was changed");
}

void TellOutcome(Session& session, const tools::RepairReport& report) {
  if (report.copy.empty()) {
    session.console().Message(report.after.is_sound()
                                  ? "nothing is damaged; nothing was changed"
                                  : "nothing here can be repaired; nothing was changed");
    return;
  }
  session.console().Message("copy of the old directory: " + Printable(report.copy));
  if (!report.next_task.empty())
    session.console().Message("new tasks get IDs from " + report.next_task +
                              " on, so that no ID is used twice");
  session.console().Message(report.after.is_in_order()
                                ? "the directory is in order"
                                : "the directory is still damaged; restore a backup");
}

ExitStatus Repair(Session& session, const CheckFlags& flags, const tools::DataTools& tools) {
  if (const std::optional<ExitStatus> end = AskFirst(session, flags, tools)) return *end;
  const Result<tools::RepairReport> report = tools.repair(
      flags.directory,
      [&](const std::string& sentence) { session.console().Message(Printable(sentence)); });
  if (!report.ok()) return session.FailOnFiles(report.status());
  PrintRepair(session, *report);
  TellOutcome(session, *report);
  return report->after.is_in_order() ? ExitStatus::kOk : ExitStatus::kFailure;
}

}  // namespace

void AddDataCheck(Command parent, Session& session, const tools::DataTools& tools) {
  auto flags = std::make_shared<CheckFlags>();
  parent.Sub("check", "Check an unused data directory for damage, and repair it")
      .Positional("DIR", Need::kRequired, &flags->directory, "The data directory")
      .Switch("--repair", &flags->repair,
              "Copy the directory to DIR.before-repair-TIME, then repair it so that a server can "
              "open it")
      .Switch("--yes", &flags->yes, "Repair without asking")
      .Example(
          "treadle data check ./treadle-data\n"
          "treadle data check ./treadle-data --repair")
      .Footer(
          "The check reads every journal frame and every stored task, verifies their checksums, "
          "and tries\n"
          "the recovery of a start in memory. Without --repair it changes nothing: it reads the "
          "store from\n"
          "a copy in $TMPDIR, which must have room for it. Exit status 1 means damage.\n"
          "\n"
          "A repair keeps everything that passes its checksum and reports what is lost: journal "
          "frames\n"
          "after a damaged one, and unreadable rows of the store. It refuses files that it does "
          "not\n"
          "understand. Exit status 0 means that the directory is now in order. Payloads that are "
          "still\n"
          "damaged are listed, and the server moves their tasks to the dead letters.\n")
      .Run([flags, &session, tools] {
        return flags->repair ? Repair(session, *flags, tools) : Check(session, *flags, tools);
      });
}

}  // namespace treadle::cli
