#include "demo/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/units.h"
#include "console/table.h"
#include "json/tree.h"

namespace treadle::demo {
namespace {

constexpr size_t kShown = 10;

std::string Verdict(const Report& report, const Console& console) {
  const Verification& check = report.check;
  std::string text =
      check.verified
          ? console.PaintOut("verified", Color::kGreen) +
                fmt::format(": a direct walk found the same {} ({}, {} lines, {} words)\n",
                            Counted(check.direct.files, "file"),
                            SizeInWords(static_cast<uint64_t>(check.direct.bytes)),
                            WithCommas(check.direct.lines), WithCommas(check.direct.words))
          : console.PaintOut("not verified", Color::kRed) +
                fmt::format(": the job found {} and {} bytes, a direct walk {} and {} bytes\n",
                            Counted(check.job.files, "file"), WithCommas(check.job.bytes),
                            Counted(check.direct.files, "file"), WithCommas(check.direct.bytes));
  text += fmt::format("  sha256 of all  {}\n", check.direct.sha256);
  if (check.changed > 0) {
    text += fmt::format("  {} changed, appeared or vanished meanwhile and {} not compared\n",
                        Counted(check.changed, "file"), check.changed == 1 ? "is" : "are");
  }
  return text;
}

std::string Listed(std::string_view title, const std::vector<std::string>& paths) {
  std::string text;
  for (size_t i = 0; i < std::min(paths.size(), kShown); ++i) {
    text += fmt::format("{}  {}\n", title, Printable(paths[i]));
  }
  return text;
}

}  // namespace

int64_t Percentile(const std::vector<int64_t>& sorted, int percent) {
  TREADLE_CHECK(percent > 0 && percent <= 100);
  if (sorted.empty()) return 0;
  const size_t rank = (sorted.size() * static_cast<size_t>(percent) + 99) / 100;
  return sorted[rank - 1];
}

Report MakeReport(int64_t files, const std::string& run, WallTime begun, const Outcomes& outcomes,
                  Verification check) {
  Report report{.files = files, .duplicates = outcomes.duplicates, .check = std::move(check)};
  WallTime last = begun;
  for (const auto& [key, outcome] : outcomes.by_key) {
    (outcome.completed ? report.completed : report.dead) += 1;
    if (outcome.completed) report.bytes += outcome.digest.bytes;
    if (outcome.attempt > 1) ++report.retried;
    if (!outcome.completed && report.deaths.size() < kShown) {
      report.deaths.emplace_back(key.substr(run.size() + 1), outcome.error);
    }
    last = std::max(last, outcome.finished);
  }
  const auto ended = static_cast<int64_t>(outcomes.by_key.size());
  report.lost =
      std::max({files - ended, static_cast<int64_t>(report.check.lost.size()), int64_t{0}});
  report.tasks_per_s =
      static_cast<double>(ended) * 1000 / static_cast<double>(std::max<int64_t>(last - begun, 1));
  return report;
}

void SetLatencies(std::vector<int64_t> waits_ms, Report* report) {
  std::sort(waits_ms.begin(), waits_ms.end());
  report->p50_ms = Percentile(waits_ms, 50);
  report->p95_ms = Percentile(waits_ms, 95);
  report->p99_ms = Percentile(waits_ms, 99);
}

std::string ReportForPeople(const Report& report, const Console& console) {
  Table table({{}, {"", Table::Align::kRight}});
  const auto bad_if = [](int64_t count) { return count > 0 ? Color::kRed : Color::kPlain; };
  table.Row({"files", WithCommas(report.files)});
  table.Row({"bytes", WithCommas(report.bytes)});
  table.Row({"completed", {WithCommas(report.completed), Color::kGreen}});
  table.Row({"retried", WithCommas(report.retried)});
  table.Row({"dead", {WithCommas(report.dead), bad_if(report.dead)}});
  table.Row({"lost", {WithCommas(report.lost), bad_if(report.lost)}});
  table.Row({"duplicates", {WithCommas(report.duplicates), bad_if(report.duplicates)}});
  table.Row({"tasks/s", WithCommas(static_cast<int64_t>(report.tasks_per_s + 0.5))});
  table.Row({"enqueue to start p50", fmt::format("{} ms", report.p50_ms)});
  table.Row({"enqueue to start p95", fmt::format("{} ms", report.p95_ms)});
  table.Row({"enqueue to start p99", fmt::format("{} ms", report.p99_ms)});
  std::string text = table.ToString(console) + Verdict(report, console);
  text += Listed("lost    ", report.check.lost) + Listed("differs ", report.check.differing);
  for (const auto& [path, error] : report.deaths) {
    text += fmt::format("dead      {}\n", Printable(error.empty() ? path : error));
  }
  const int64_t more = report.dead - static_cast<int64_t>(report.deaths.size());
  if (more > 0)
    text +=
        fmt::format("dead      and {} more: treadle task list --queue demo --state dead\n", more);
  return text;
}

std::string ReportAsJson(const Report& report) {
  return JsonObject()
      .Integer("files", report.files)
      .Integer("bytes", report.bytes)
      .Integer("completed", report.completed)
      .Integer("retried", report.retried)
      .Integer("dead", report.dead)
      .Integer("lost", report.lost)
      .Integer("duplicates", report.duplicates)
      .Bool("verified", report.check.verified)
      .Real("tasks_per_s", report.tasks_per_s, 1)
      .Integer("p50_ms", report.p50_ms)
      .Integer("p95_ms", report.p95_ms)
      .Integer("p99_ms", report.p99_ms)
      .Done();
}

}  // namespace treadle::demo
