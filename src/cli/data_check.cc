// treadle data check
#include <fmt/format.h>

#include <memory>

#include "base/json_text.h"
#include "cli/commands.h"
#include "cli/table.h"

namespace treadle::cli {
namespace {

void PrintTable(Session& session, const DataReport& report) {
  Table table({{"SEVERITY"}, {"WHERE"}, {"WHAT"}});
  for (const DataReport::Finding& finding : report.findings) {
    table.Row(
        {{finding.is_damage ? "damage" : "ok", finding.is_damage ? Color::kRed : Color::kPlain},
         finding.where,
         finding.what});
  }
  session.console().Out(table.ToString(session.console()));
}

std::string ToJson(const DataReport::Finding& finding) {
  std::string json =
      finding.is_damage ? R"({"severity":"damage","where":)" : R"({"severity":"ok","where":)";
  AppendJsonString(finding.where, &json);
  json += ",\"what\":";
  AppendJsonString(finding.what, &json);
  return json + "}";
}

void PrintReport(Session& session, const DataReport& report) {
  if (!session.json() && !session.jsonl()) return PrintTable(session, report);
  std::string out;
  for (const DataReport::Finding& finding : report.findings) {
    if (session.json()) out += out.empty() ? "" : ",";
    out += ToJson(finding) + (session.json() ? "" : "\n");
  }
  if (session.json()) {
    out = fmt::format("{{\"sound\":{},\"findings\":[{}]}}\n", report.is_sound(), out);
  }
  session.console().Out(out);
}

ExitStatus Check(Session& session, const std::string& directory, const CheckDataFn& check_data) {
  const Result<DataReport> report = check_data(directory);
  if (report.status().code() == Code::kFailedPrecondition)
    return session.Fail(ExitStatus::kRefused, report.status().message());
  if (!report.ok()) return session.Fail(report.status());
  PrintReport(session, *report);
  if (report->is_sound()) return ExitStatus::kOk;
  session.Hint("  keep a copy of " + directory + " before anything else is tried on it");
  return ExitStatus::kFailure;
}

}  // namespace

void AddDataCheck(Command parent, Session& session, CheckDataFn check_data) {
  auto directory = std::make_shared<std::string>();
  parent.Sub("check", "Look for damage in a data directory that no server uses")
      .Positional("DIR", Need::kRequired, directory.get(), "The data directory")
      .Example("treadle data check ./treadle-data")
      .Footer(
          "Every journal frame and every stored task is read and held against its checksum, and "
          "the\n"
          "recovery that a start would make is tried in memory. Nothing is changed: the store is "
          "read\n"
          "from a copy in $TMPDIR, which must have room for it. Exit status 1 means damage.\n")
      .Run([directory, &session, check_data] { return Check(session, *directory, check_data); });
}

}  // namespace treadle::cli
