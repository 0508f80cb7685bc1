// What the benchmarks share: settings, and results as one JSON line each.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace treadle::bench {

struct Settings {
  std::string directory;  // for data; removed afterwards
  std::string binary;     // treadle, for the measurements over HTTP
  uint64_t tasks = 1'000'000;
  uint64_t payload_bytes = 256;
};

/// Seconds since its construction.
class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// {"workload":"enqueue","tasks":…,"seconds":…,"per_s":…}
void Print(const std::string& workload, uint64_t tasks, double seconds);

/// Engine and journal alone: enqueue, lease and complete in batches of 1,000, every batch synced.
void RunCore(const Settings& settings);
/// The server over HTTP, on this machine: enqueue in batches of 100, memory, recovery, drain.
void RunHttp(const Settings& settings);

}  // namespace treadle::bench
