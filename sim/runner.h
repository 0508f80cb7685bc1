// Runner: many seeds, spread over processes, so that a run that aborts or hangs is a seed that
// failed and not the end of all.
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
  uint64_t repeat_each = 1;         // every nth seed runs twice, with one trace; 0: none
  bool trace = false;               // print every step to standard error
  bool quiet = false;               // print nothing of what went wrong
  unsigned seed_seconds_max = 600;  // a seed that needs more hangs
};

struct Totals {
  uint64_t seeds = 0;
  uint64_t events = 0;
  uint64_t commands = 0;
  double virtual_hours = 0;  // with at least 1,000 commands each, and a fault
  uint64_t accepted = 0;
  uint64_t leases = 0;
  uint64_t completions = 0;
  uint64_t crashes = 0;
  uint64_t states_compared = 0;
  FaultCounts faults{};
  uint64_t violations = 0;       // seeds that broke a promise, died or hung
  uint64_t unequal = 0;          // seeds whose two runs differ
  std::vector<uint64_t> failed;  // those that did either
  double seconds = 0;            // of the clock on the wall
};

/// Prints what went wrong, seed by seed, with the command that repeats it.
Totals RunSeeds(const RunnerOptions& options);

/// A seed that nobody has run: the milliseconds of the clock on the wall, which goes faster than
/// seeds do.
uint64_t FreshSeed();
/// Runs options.seeds at a time, from options.first on, each once, until `is_over`. Tells how far
/// it is after each time.
Totals RunFresh(RunnerOptions options, const std::function<bool()>& is_over,
                const std::function<void(const Totals&)>& tell);

/// One line; what `--json` prints.
std::string ToJson(const Totals& totals);
/// For people; several lines.
std::string ToText(const Totals& totals);
/// For people, one line: how many seeds, virtual hours and violations.
std::string ToSummary(const Totals& totals);
/// The command that runs this seed again, and prints all of it.
std::string RepeatCommand(uint64_t seed);

}  // namespace treadle::sim
