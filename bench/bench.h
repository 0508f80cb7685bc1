// What the benchmarks share: settings, and output with one JSON line per result.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/status.h"

namespace treadle::bench {

struct Settings {
  std::string directory;  // for data; removed afterwards
  std::string binary;     // treadle, for measurements over HTTP
  uint64_t tasks = 1'000'000;
  uint64_t payload_bytes = 256;
};

/// Seconds since construction.
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

/// {"workload":"journal against bare loop","ratio":…}
void PrintRatio(const std::string& workload, double ratio);

/// Prints the error to standard error and exits with status 1.
[[noreturn]] void Die(const Status& status);
template <class T>
T OrDie(Result<T> result) {
  if (!result.ok()) Die(result.status());
  return *std::move(result);
}
inline void OrDie(const Status& status) {
  if (!status.ok()) Die(status);
}

/// Engine and journal only: enqueue, lease and complete in batches of 1,000, every batch synced.
void RunCore(const Settings& settings);
/// The journal only, against a bare loop of pwrite and fdatasync.
void RunJournal(const Settings& settings);
/// The server over HTTP, on this machine: enqueue in batches of 100, memory, recovery, drain.
void RunHttp(const Settings& settings);

}  // namespace treadle::bench
