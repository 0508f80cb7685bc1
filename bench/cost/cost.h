// What the cost workloads share: fixed work, always the same, on one thread.
//
// The constructor prepares a workload, which then runs once. Only Run() is counted. Callgrind
// counts the instructions (cost.py makes it collect only inside RunMeasured). This program counts
// allocations, bytes written and syncs.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "engine/commands.h"

namespace treadle::cost {

inline constexpr uint64_t kTasks = 5'000;  // handled by each workload
inline constexpr uint64_t kBatch = 100;
inline constexpr uint64_t kBatches = kTasks / kBatch;

class Workload {
 public:
  virtual ~Workload() = default;
  virtual void Run() = 0;
};

struct WorkloadKind {
  const char* name;
  const char* what;
  /// `directory` is empty and belongs to the workload.
  std::unique_ptr<Workload> (*make)(const std::string& directory);
};

// engine_cost.cc, disk_cost.cc, api_cost.cc. Each list ends with a null name.
extern const WorkloadKind kEngineWorkloads[];
extern const WorkloadKind kDiskWorkloads[];
extern const WorkloadKind kApiWorkloads[];

/// Usable as WorkloadKind::make.
template <class W>
std::unique_ptr<Workload> Make(const std::string& directory) {
  return std::make_unique<W>(directory);
}

/// What this process has done so far. counts.cc counts it where it leaves our code.
struct Counts {
  uint64_t allocations = 0;  // by operator new
  uint64_t bytes_written = 0;
  uint64_t syncs = 0;
};
Counts CountsSoFar();

/// A typical JSON object of 256 bytes.
std::string Payload();
/// Tasks, each with its own body.
std::vector<NewTask> NewTasks(uint64_t count);

/// Ends the program if the workload cannot do its work.
template <class T>
T OrDie(Result<T> result) {
  if (result.ok()) return *std::move(result);
  std::fprintf(stderr, "treadle_cost: %s\n", result.status().ToString().c_str());
  std::exit(1);
}
inline void OrDie(const Status& status) {
  if (!status.ok()) OrDie(Result<int>(status));
}
inline void Expect(bool holds, const char* what) {
  if (!holds) OrDie(Status(Code::kInternal, what));
}

}  // namespace treadle::cost
