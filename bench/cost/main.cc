// treadle_cost WORKLOAD DIR | treadle_cost --list
//
// Prepares and runs one workload (bench/cost/cost.h) with its data in DIR, a new directory, and
// prints its counts as one JSON line. Called by bench/cost/cost.py, which `./dev cost` calls.

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

#include "bench/cost/cost.h"

/// Callgrind finds it by this name.
extern "C" [[gnu::noinline]] void RunMeasured(treadle::cost::Workload* workload) {
  workload->Run();
  asm volatile("" ::: "memory");  // prevents a tail call: counting stops at its end
}

namespace treadle::cost {
namespace {

void RunOne(const WorkloadKind& kind, const std::string& directory) {
  std::filesystem::create_directory(directory);
  const std::unique_ptr<Workload> workload = kind.make(directory);
  const Counts before = CountsSoFar();
  RunMeasured(workload.get());
  const Counts after = CountsSoFar();
  std::printf(
      "{\"workload\":\"%s\",\"tasks\":%lu,\"allocations\":%lu,\"bytes_written\":%lu,"
      "\"syncs\":%lu,\"build\":\"%s\"}\n",
      kind.name, kTasks, after.allocations - before.allocations,
      after.bytes_written - before.bytes_written, after.syncs - before.syncs, TREADLE_COST_BUILD);
}

/// Calls `visit` with each kind until it returns true.
template <class Visit>
bool AnyKind(Visit visit) {
  for (const WorkloadKind* kinds : {kEngineWorkloads, kDiskWorkloads, kApiWorkloads})
    for (; kinds->name != nullptr; ++kinds)
      if (visit(*kinds)) return true;
  return false;
}

int Main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--list") {
    AnyKind(
        [](const WorkloadKind& kind) { return std::printf("%s\t%s\n", kind.name, kind.what) < 0; });
    return 0;
  }
  const bool ran = argc == 3 && AnyKind([&](const WorkloadKind& kind) {
                     const bool named = std::string_view(argv[1]) == kind.name;
                     if (named) RunOne(kind, argv[2]);
                     return named;
                   });
  if (!ran) std::fputs("usage: treadle_cost WORKLOAD DIR | treadle_cost --list\n", stderr);
  return ran ? 0 : 2;
}

}  // namespace
}  // namespace treadle::cost

int main(int argc, char** argv) { return treadle::cost::Main(argc, argv); }
