// World: one simulated run. Producers, workers, network and server run with faults for a while,
// then in peace until every task has ended. Reports the promises that were broken.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/faults.h"

namespace treadle::sim {

struct RunOptions {
  uint64_t seed = 1;
  bool print_trace = false;
};

struct RunReport {
  uint64_t seed = 0;
  uint64_t trace_hash = 0;
  uint64_t steps = 0;
  uint64_t commands = 0;  // calls that reached a server
  int64_t virtual_ms = 0;
  uint64_t crashes = 0;
  uint64_t accepted = 0;
  uint64_t leases = 0;
  uint64_t completions = 0;
  uint64_t states_compared = 0;  // recoveries where the state before and after could be compared
  FaultCounts faults{};
  std::vector<std::string> violations;
};

/// Pure: the same options give the same report on every machine.
RunReport RunWorld(const RunOptions& options);

}  // namespace treadle::sim
