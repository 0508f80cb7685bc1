// treadle backup create|list|verify|restore
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <thread>

#include "base/units.h"
#include "cli/commands.h"
#include "client/wire.h"
#include "console/table.h"
#include "json/text.h"

namespace treadle::cli {
namespace {

constexpr auto kBackupWatchEvery = std::chrono::milliseconds(100);

uint64_t SizeOf(const JsonNode& backup, std::string_view name) {
  return static_cast<uint64_t>(std::max<int64_t>(0, backup.Integer(name)));
}

/// Has one made and waits for its end, with its progress on a terminal.
Result<JsonDocument> MakeOne(Session& session) {
  TREADLE_ASSIGN_OR_RETURN(
      JsonDocument backup,
      session.CallJson("POST", "/v1/backups", wire::kBackupShape, {}, kCallMs, Repeat::kOnce));
  const std::string target = "/v1/backups/" + wire::PercentEncode(backup.root.Text("name"));
  const bool shows = session.console().err_is_terminal();
  while (backup.root.Text("state") == "running") {
    if (shows)
      session.console().Err(fmt::format("\r{} of {}\x1b[K",
                                        SizeInWords(SizeOf(backup.root, "bytes_done")),
                                        SizeInWords(SizeOf(backup.root, "bytes_total"))));
    std::this_thread::sleep_for(kBackupWatchEvery);
    TREADLE_ASSIGN_OR_RETURN(backup, session.CallJson("GET", target, wire::kBackupShape));
  }
  if (shows) session.console().Err("\r\x1b[K");
  return backup;
}

ExitStatus Create(Session& session) {
  const Result<JsonDocument> backup = MakeOne(session);
  if (!backup.ok()) {
    const ExitStatus status = session.Fail(backup.status());
    session.Hint("  existing backups:  " + session.CommandLineFor("backup list"));
    return status;
  }
  if (session.json() || session.jsonl()) PrintJson(session, backup->root);
  if (backup->root.Text("state") != "done")
    return session.Fail(ExitStatus::kFailure, backup->root.Text("error"));
  if (session.json() || session.jsonl()) return ExitStatus::kOk;
  const Result<JsonDocument> list = session.CallJson("GET", "/v1/backups", wire::kBackupListShape);
  if (!list.ok()) return session.Fail(list.status());
  session.console().OutLine(
      fmt::format("{}/{}", list->root.Text("directory"), backup->root.Text("name")));
  session.console().Message(fmt::format("{}, up to frame {}, on the server's machine",
                                        SizeInWords(SizeOf(backup->root, "bytes_total")),
                                        backup->root.Integer("frame")));
  return ExitStatus::kOk;
}

ExitStatus ListBackups(Session& session) {
  const Result<JsonDocument> answer =
      session.CallJson("GET", "/v1/backups", wire::kBackupListShape);
  if (!answer.ok()) return session.Fail(answer.status());
  if (session.json()) return PrintJson(session, answer->root), ExitStatus::kOk;
  Table table({{"NAME"}, {"STATE"}, {"SIZE", Table::Align::kRight}, {"TAKEN"}, {"ERROR"}});
  for (const JsonNode& backup : answer->root.Find("backups")->items) {
    if (session.jsonl()) {
      PrintJson(session, backup);
    } else {
      table.Row({backup.Text("name"), backup.Text("state"),
                 SizeInWords(SizeOf(backup, "bytes_total")), backup.Text("taken_at"),
                 backup.Text("error")});
    }
  }
  if (session.jsonl()) return ExitStatus::kOk;
  session.console().Out(table.ToString(session.console()));
  session.console().Message("in " + Printable(answer->root.Text("directory")) +
                            " on the server's machine");
  return ExitStatus::kOk;
}

// The members of a report, without brackets.
std::string Members(const tools::BackupReport& report) {
  std::string problems;
  for (const std::string& problem : report.problems) {
    problems += problems.empty() ? "" : ",";
    AppendJsonString(problem, &problems);
  }
  return fmt::format(
      R"("taken_at":"{}","frame":{},"term":{},"bytes":{},"queues":{},"waiting":{},"ended":{},)"
      R"("problems":[{}])",
      report.taken_at, report.frame, report.term, report.bytes, report.queues, report.waiting,
      report.ended, problems);
}

std::string InWords(const tools::BackupReport& report) {
  return fmt::format("taken {}: {} waiting or running, {} ended, in {}", report.taken_at,
                     Counted(static_cast<int64_t>(report.waiting), "task"),
                     WithCommas(static_cast<int64_t>(report.ended)),
                     Counted(static_cast<int64_t>(report.queues), "queue"));
}

void TellProblems(Session& session, const tools::BackupReport& report) {
  for (const std::string& problem : report.problems)
    session.console().Message("damaged before the backup was made: " + Printable(problem));
}

ExitStatus Verify(Session& session, const std::string& file, const tools::DataTools& tools) {
  const Result<tools::BackupReport> report = tools.verify_backup(file);
  if (!report.ok()) return session.FailOnFiles(report.status());
  if (session.json() || session.jsonl()) {
    session.console().OutLine("{" + Members(*report) + "}");
  } else {
    session.console().OutLine("intact, " + InWords(*report));
    TellProblems(session, *report);
  }
  return report->problems.empty() ? ExitStatus::kOk : ExitStatus::kFailure;
}

struct RestoreFlags {
  std::string file;
  std::string directory = "./treadle-data";
};

ExitStatus Restore(Session& session, const RestoreFlags& flags, const tools::DataTools& tools) {
  const Result<tools::RestoreReport> report = tools.restore_backup(
      flags.file, flags.directory,
      [&](const std::string& sentence) { session.console().Message(Printable(sentence)); });
  if (!report.ok()) return session.FailOnFiles(report.status());
  if (session.json() || session.jsonl()) {
    std::string directory;
    AppendJsonString(report->directory, &directory);
    session.console().OutLine(
        fmt::format(R"({{"directory":{},"next_task":"{}","term_from":{},{}}})", directory,
                    report->next_task, report->term_from, Members(report->backup)));
    return ExitStatus::kOk;
  }
  session.console().OutLine(Printable(report->directory) + " is restored, " +
                            InWords(report->backup));
  TellProblems(session, report->backup);
  session.console().Message(
      fmt::format("new tasks get IDs from {} on, and leases granted after the backup are invalid",
                  report->next_task));
  session.Hint(fmt::format("  treadle start --data {}", Printable(flags.directory)));
  return ExitStatus::kOk;
}

void AddCreate(Command parent, Session& session) {
  parent.Sub("create", "Make a backup on a running server and wait for it")
      .Example("treadle backup create")
      .Footer(
          "The backup has everything acknowledged before the command. The server keeps running "
          "meanwhile.\n"
          "The backup is a file on the server's machine, in the directory of the setting "
          "backup.directory.\n"
          "Copy it to another machine.\n")
      .Run([&session] { return Create(session); });
}

void AddVerify(Command parent, Session& session, const tools::DataTools& tools) {
  auto file = std::make_shared<std::string>();
  parent.Sub("verify", "Read a whole backup and verify its checksums")
      .Positional("FILE", Need::kRequired, file.get(), "The backup")
      .Example("treadle backup verify treadle-20261124T030000.000Z.backup")
      .Footer(
          "The command unpacks the store of the backup in $TMPDIR, which must have room for it, "
          "and checks\n"
          "every page and task. Exit status 1 means damage. No server is needed.\n")
      .Run([file, &session, tools] { return Verify(session, *file, tools); });
}

void AddRestore(Command parent, Session& session, const tools::DataTools& tools) {
  auto flags = std::make_shared<RestoreFlags>();
  parent.Sub("restore", "Restore a backup into a new data directory")
      .Positional("FILE", Need::kRequired, &flags->file, "The backup")
      .Text("--data", "DIR", &flags->directory,
            "The new data directory; must be missing or empty (default ./treadle-data)")
      .Example("treadle backup restore treadle-20261124T030000.000Z.backup --data /var/lib/treadle")
      .Footer(
          "Do not run the old server beside the restored one: both would lease the same tasks.\n"
          "Tasks that were running when the backup was made run again when their leases end. "
          "Anything\n"
          "acknowledged after the backup is missing from it.\n")
      .Run([flags, &session, tools] { return Restore(session, *flags, tools); });
}

}  // namespace

void AddBackup(Command parent, Session& session, const tools::DataTools& tools) {
  Command backup = parent.Sub("backup", "Make, list, verify and restore backups");
  AddCreate(backup, session);
  backup.Sub("list", "List the backups of a running server")
      .Example("treadle backup list")
      .Run([&session] { return ListBackups(session); });
  AddVerify(backup, session, tools);
  AddRestore(backup, session, tools);
  backup.Example("treadle backup create");
}

}  // namespace treadle::cli
