// The check of the demo: the same work done here, without Treadle, and compared. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "demo/outcomes.h"

namespace treadle::demo {

struct Totals {
  int64_t files = 0;
  int64_t bytes = 0;
  int64_t lines = 0;
  int64_t words = 0;
  std::string sha256;  // over "PATH\0SHA256\n" of each file, in the order of the paths

  bool operator==(const Totals&) const = default;
};

struct Verification {
  Totals job;     // of the completed files that did not change meanwhile, by the job
  Totals direct;  // of the same files, read here
  std::vector<std::string> lost;       // files without an outcome
  std::vector<std::string> differing;  // files whose digest differs although they did not change
  int64_t changed = 0;                 // files that came, went or changed since the run began
  bool verified = false;               // nothing is lost, nothing differs, all totals agree
};

/// Walks `directory` and reads every file that the run completed. `started`: when the run began, by
/// this machine's clock; only files that are newer may differ. What WalkFiles() returns if the walk
/// fails.
Result<Verification> Verify(const std::string& directory, const std::string& run,
                            const Outcomes& outcomes, WallTime started);

}  // namespace treadle::demo
