// treadle_sim: many seeds of the simulated world, each run twice. `./dev sim` calls it.

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "sim/world.h"

namespace {

struct Arguments {
  uint64_t first = 1;
  uint64_t seeds = 200;
  bool json = false;
  bool trace = false;
  bool once = false;
};

constexpr const char* kUsage =
    "usage: treadle_sim [--seeds N] [--seed S] [--once] [--trace] [--json]\n"
    "\n"
    "Runs the whole node, producers and workers under a seeded scheduler with a simulated disk "
    "that\n"
    "crashes, and checks that nothing acknowledged is lost. Each seed runs twice and must give "
    "the\n"
    "same trace.\n"
    "\n"
    "  --seeds N   how many seeds (200), beginning with --seed S (1)\n"
    "  --once      run each seed once only\n"
    "  --trace     print every step to standard error\n"
    "  --json      end with one JSON object\n"
    "\n"
    "Example: treadle_sim --seed 42 --seeds 1 --trace\n";

bool TakeNumber(const char* text, uint64_t* value) {
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, *value);
  return error == std::errc() && stop == end;
}

bool Parse(int argc, char** argv, Arguments* arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--json") {
      arguments->json = true;
    } else if (flag == "--trace") {
      arguments->trace = true;
    } else if (flag == "--once") {
      arguments->once = true;
    } else if ((flag == "--seeds" || flag == "--seed") && i + 1 < argc) {
      uint64_t* value = flag == "--seeds" ? &arguments->seeds : &arguments->first;
      if (!TakeNumber(argv[++i], value)) return false;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  using treadle::sim::RunReport;
  using treadle::sim::RunWorld;
  Arguments arguments;
  if (argc == 2 && std::string_view(argv[1]) == "--help") return std::fputs(kUsage, stdout), 0;
  if (!Parse(argc, argv, &arguments)) return std::fputs(kUsage, stderr), 2;

  RunReport total;
  uint64_t failed = 0;
  uint64_t unequal = 0;
  for (uint64_t seed = arguments.first; seed < arguments.first + arguments.seeds; ++seed) {
    const RunReport run = RunWorld({.seed = seed, .print_trace = arguments.trace});
    const bool differs =
        !arguments.once &&
        RunWorld({.seed = seed, .print_trace = false}).trace_hash != run.trace_hash;
    for (const std::string& violation : run.violations)
      std::fprintf(stderr, "seed %llu: %s\n", static_cast<unsigned long long>(seed),
                   violation.c_str());
    if (differs)
      std::fprintf(stderr, "seed %llu: two runs differ\n", static_cast<unsigned long long>(seed));
    if (differs || !run.violations.empty())
      std::fprintf(stderr, "repeat with: ./dev sim --seed %llu --seeds 1 --trace\n",
                   static_cast<unsigned long long>(seed));
    unequal += differs;
    failed += !run.violations.empty();
    total.steps += run.steps;
    total.virtual_ms += run.virtual_ms;
    total.crashes += run.crashes;
    total.accepted += run.accepted;
    total.leases += run.leases;
    total.completions += run.completions;
  }
  const auto n = [](uint64_t value) { return static_cast<unsigned long long>(value); };
  if (arguments.json) {
    std::printf(
        "{\"seeds\":%llu,\"events\":%llu,\"virtual_hours\":%.2f,\"crashes\":%llu,\"accepted\":%llu,"
        "\"leases\":%llu,\"completions\":%llu,\"violations\":%llu,\"unequal\":%llu}\n",
        n(arguments.seeds), n(total.steps), static_cast<double>(total.virtual_ms) / 3.6e6,
        n(total.crashes), n(total.accepted), n(total.leases), n(total.completions), n(failed),
        n(unequal));
  } else {
    std::printf(
        "%llu seeds, %llu events, %llu crashes, %llu tasks accepted, %llu leases: %llu seeds "
        "with violations, %llu that do not repeat\n",
        n(arguments.seeds), n(total.steps), n(total.crashes), n(total.accepted), n(total.leases),
        n(failed), n(unequal));
  }
  return failed + unequal == 0 ? 0 : 1;
}
