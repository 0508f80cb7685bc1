// The end of the demo: figures, and how they are shown. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "console/console.h"
#include "demo/outcomes.h"
#include "demo/verify.h"

namespace treadle::demo {

struct Report {
  int64_t files = 0;  // that the scan found
  int64_t bytes = 0;  // of the completed ones
  int64_t completed = 0;
  int64_t retried = 0;  // that needed more than one attempt
  int64_t dead = 0;
  int64_t lost = 0;        // files without an outcome
  int64_t duplicates = 0;  // completed more than once
  double tasks_per_s =
      0;  // from the enqueueing of the scan to the last end of a task, by the server's clock
  // From enqueued to started, of tasks that came one after the other while nothing else waited,
  // nearest rank: SetLatencies().
  int64_t p50_ms = 0;
  int64_t p95_ms = 0;
  int64_t p99_ms = 0;
  Verification check;
  std::vector<std::pair<std::string, std::string>>
      deaths;  // key without the run, error; the first ten

  bool AllIsAccountedFor() const { return lost == 0 && duplicates == 0 && check.verified; }
};

/// The nearest-rank percentile: the smallest value that at least `percent` % of `sorted` do not
/// exceed; 0 of none.
int64_t Percentile(const std::vector<int64_t>& sorted, int percent);

/// `files` is the scan's count, `begun` when the scan was enqueued, by the server's clock.
Report MakeReport(int64_t files, const std::string& run, WallTime begun, const Outcomes& outcomes,
                  Verification check);

/// The percentiles of `waits_ms`, in any order; zeros if there are none.
void SetLatencies(std::vector<int64_t> waits_ms, Report* report);

/// A table, the check's verdict, and the dead files.
std::string ReportForPeople(const Report& report, const Console& console);
/// One JSON object on one line.
std::string ReportAsJson(const Report& report);

}  // namespace treadle::demo
