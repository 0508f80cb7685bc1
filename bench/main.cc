// treadle_bench [core|journal|http]... [--tasks N] [--payload BYTES] [--binary PATH] [--dir DIR]
//
// Prints one JSON line per measurement. Called by `./dev bench`.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <vector>

#include "bench/bench.h"

namespace treadle::bench {

void Print(const std::string& workload, uint64_t tasks, double seconds) {
  std::printf("{\"workload\":\"%s\",\"tasks\":%llu,\"seconds\":%.3f,\"per_s\":%.0f}\n",
              workload.c_str(), static_cast<unsigned long long>(tasks), seconds,
              static_cast<double>(tasks) / seconds);
  std::fflush(stdout);
}

void PrintRatio(const std::string& workload, double ratio) {
  std::printf("{\"workload\":\"%s\",\"ratio\":%.3f}\n", workload.c_str(), ratio);
  std::fflush(stdout);
}

void Die(const Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

}  // namespace treadle::bench

namespace {

constexpr const char* kUsage =
    "usage: treadle_bench [core|journal|http]... [--tasks N] [--payload BYTES] [--binary PATH] "
    "[--dir DIR]\n"
    "\n"
    "  core     engine and journal only, in this process\n"
    "  journal  the journal only, against a bare loop of pwrite and fdatasync\n"
    "  http     a separate server, over HTTP (default: all three)\n"
    "\n"
    "Example: treadle_bench http --tasks 1000000\n";

struct Benchmark {
  std::string_view name;
  void (*run)(const treadle::bench::Settings&);
};
/// In the order in which they run.
constexpr std::array<Benchmark, 3> kBenchmarks = {{{"core", treadle::bench::RunCore},
                                                   {"journal", treadle::bench::RunJournal},
                                                   {"http", treadle::bench::RunHttp}}};

bool TakeNumber(const char* text, uint64_t* value) {
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, *value);
  return error == std::errc() && stop == end && *value > 0;
}

}  // namespace

int main(int argc, char** argv) {
  treadle::bench::Settings settings;
  settings.directory = "treadle-bench-data";
  settings.binary =
      (std::filesystem::path(argv[0]).parent_path().parent_path() / "treadle").string();
  std::vector<std::string_view> wanted;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool has_value = i + 1 < argc;
    bool good = true;
    if (std::ranges::count(kBenchmarks, word, &Benchmark::name) > 0) {
      wanted.push_back(word);
    } else if (word == "--tasks" && has_value) {
      good = TakeNumber(argv[++i], &settings.tasks);
    } else if (word == "--payload" && has_value) {
      good = TakeNumber(argv[++i], &settings.payload_bytes);
    } else if (word == "--binary" && has_value) {
      settings.binary = argv[++i];
    } else if (word == "--dir" && has_value) {
      settings.directory = argv[++i];
    } else {
      good = false;
    }
    if (!good) return std::fputs(kUsage, stderr), 2;
  }
  for (const Benchmark& each : kBenchmarks)
    if (wanted.empty() || std::ranges::count(wanted, each.name) > 0) each.run(settings);
  return 0;
}
