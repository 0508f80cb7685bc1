// treadle_bench [core|http] [--tasks N] [--payload BYTES] [--binary PATH] [--dir DIR]
//
// Prints one JSON line for each measurement. `./dev bench` calls it.

#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "bench/bench.h"

namespace treadle::bench {

void Print(const std::string& workload, uint64_t tasks, double seconds) {
  std::printf("{\"workload\":\"%s\",\"tasks\":%llu,\"seconds\":%.3f,\"per_s\":%.0f}\n",
              workload.c_str(), static_cast<unsigned long long>(tasks), seconds,
              static_cast<double>(tasks) / seconds);
  std::fflush(stdout);
}

}  // namespace treadle::bench

namespace {

constexpr const char* kUsage =
    "usage: treadle_bench [core|http] [--tasks N] [--payload BYTES] [--binary PATH] [--dir DIR]\n"
    "\n"
    "  core   engine and journal alone, in this process\n"
    "  http   a server of its own, over HTTP (both, if neither is named)\n"
    "\n"
    "Example: treadle_bench http --tasks 1000000\n";

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
  bool core = false;
  bool http = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool has_value = i + 1 < argc;
    bool good = true;
    if (word == "core") {
      core = true;
    } else if (word == "http") {
      http = true;
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
  if (core || !http) treadle::bench::RunCore(settings);
  if (http || !core) treadle::bench::RunHttp(settings);
  return 0;
}
