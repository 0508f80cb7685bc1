// One run of the demo's job against a server: enqueue, follow, read the outcomes, verify. One
// thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "console/session.h"
#include "demo/progress.h"
#include "demo/report.h"

namespace treadle::demo {

class Run {
 public:
  /// `directory` is absolute. `interrupted` is asked often; a failure that it returns ends the run
  /// with it.
  Run(Session& session, std::string directory, std::function<Status()> interrupted);

  /// The whole job. Failures of the server, of the scan task and of `interrupted` come back; dead
  /// files are no failure.
  Result<Report> Execute();

 private:
  struct Counts {
    int64_t open = 0;  // scheduled, ready, running, retrying
    int64_t ready = 0;
    int64_t retrying = 0;
    int64_t dead = 0;
    int64_t ended = 0;  // accepted and no longer open, whether still kept or not
    int64_t accepted = 0;
  };

  Result<Counts> ReadCounts();
  Status EnqueueScan();
  /// Until every task of the run has ended, or nothing is left that could.
  Status Follow();
  /// One look at the scan task; sets files_ once it is completed.
  Status LookAtScan();
  void SayIfNobodyWorks(const Counts& counts, int64_t elapsed_ms);
  /// Reads the outcomes again until they are all there or `kLagMs` have passed.
  Result<Outcomes> CollectOutcomes();

  /// How long tasks wait that come one after the other, in milliseconds; nothing if the worker does
  /// not know their type.
  Result<std::vector<int64_t>> MeasurePace();

  Session& session_;
  const std::string directory_;
  const std::function<Status()> interrupted_;
  const std::string run_;
  SystemClock clock_;
  Progress progress_;
  WallTime started_;  // by our clock
  WallTime begun_;    // by the server's clock: when the scan was enqueued
  std::string scan_id_;
  int64_t files_ = -1;  // -1: the scan has not ended
  Counts before_;
  bool said_nobody_ = false;
};

}  // namespace treadle::demo
