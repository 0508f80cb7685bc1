// Runner: runs many seeds spread over processes, so that an abort or a hang fails one seed and does
// not end the whole run.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/faults.h"

namespace treadle::sim {

struct RunnerOptions {
  uint64_t first = 1;
  uint64_t seeds = 500;
  unsigned jobs = 1;
  uint64_t repeat_each = 1;         // every nth seed runs twice and must give the same trace; 0:
                                    // none
  bool trace = false;               // print every step to standard error
  bool quiet = false;               // do not print what went wrong
  unsigned seed_seconds_max = 600;  // a seed that takes longer counts as hung
};

struct Totals {
  uint64_t seeds = 0;
  uint64_t events = 0;
  uint64_t commands = 0;
  double virtual_hours = 0;  // counts only hours with at least 1,000 commands and a fault
  uint64_t accepted = 0;
  uint64_t leases = 0;
  uint64_t completions = 0;
  uint64_t crashes = 0;
  uint64_t states_compared = 0;
  FaultCounts faults{};
  uint64_t violations = 0;       // seeds that broke a promise, died or hung
  uint64_t unequal = 0;          // seeds whose two runs differ
  std::vector<uint64_t> failed;  // seeds of either kind
  double seconds = 0;            // real time
};

/// Prints what went wrong, seed by seed, with the command that reproduces it.
Totals RunSeeds(const RunnerOptions& options);

/// A seed that nobody has run: the real time in milliseconds, which advances faster than seeds run.
uint64_t FreshSeed();
/// Runs options.seeds seeds at a time, starting at options.first, each seed once, until `is_over`.
/// Calls `tell` with the totals after each batch.
Totals RunFresh(RunnerOptions options, const std::function<bool()>& is_over,
                const std::function<void(const Totals&)>& tell);

/// One line; what `--json` prints.
std::string ToJson(const Totals& totals);
/// For people, several lines.
std::string ToText(const Totals& totals);
/// For people, one line with the number of seeds, virtual hours and violations.
std::string ToSummary(const Totals& totals);
/// The command that runs this seed again with a full trace.
std::string RepeatCommand(uint64_t seed);

}  // namespace treadle::sim
