// treadle_sim: runs many seeds of the simulated world, each one twice. Called by `./dev sim`.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "sim/runner.h"
#include "sim/sqlite_memory.h"

namespace {

using treadle::sim::RunnerOptions;
using treadle::sim::Totals;

struct Arguments {
  RunnerOptions run;
  uint64_t jobs = 1;
  bool json = false;
  bool fresh = false;
  uint64_t minutes = 30;  // of fresh seeds
  uint64_t seed_seconds = 600;
};

constexpr uint64_t kManySeeds = 100;   // with this many, every kind of fault must have happened
constexpr uint64_t kFreshAtOnce = 25;  // per process
constexpr std::chrono::seconds kTellEvery{15};

constexpr const char* kUsage =
    "usage: treadle_sim [--seeds N] [--seed S] [--jobs J] [--repeat-each N] [--trace] [--json]\n"
    "       treadle_sim --fresh [--minutes M] [--jobs J] [--json]\n"
    "\n"
    "Runs the whole node, producers and workers under a seeded scheduler, with faults of disk,\n"
    "machine, network, clocks and clients. Checks the server's promises from outside, with only\n"
    "its answers. A seed that runs twice must give the same trace. A run of 100 seeds or more\n"
    "also fails if a kind of fault never happened.\n"
    "\n"
    "  --seeds N   number of seeds (500), starting at --seed S (1)\n"
    "  --jobs J    number of processes (1)\n"
    "  --repeat-each N\n"
    "              run every Nth seed twice (1: each of them; 0: none)\n"
    "  --trace     print every request, answer and fault to standard error\n"
    "  --fresh     run new seeds, starting at the current time, each once\n"
    "  --minutes M how long to run fresh seeds (30)\n"
    "  --seed-seconds N\n"
    "              a seed that takes longer counts as hung (600)\n"
    "  --quiet     do not say what went wrong with which seed\n"
    "  --json      end with one JSON object\n"
    "\n"
    "Exit status 1: a promise was broken. Prints the seed and the command that reproduces it.\n"
    "\n"
    "Example: treadle_sim --seed 42 --seeds 1 --trace\n";

bool TakeNumber(const char* text, uint64_t* value) {
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, *value);
  return error == std::errc() && stop == end;
}

bool* FlagOf(std::string_view name, Arguments* arguments) {
  if (name == "--json") return &arguments->json;
  if (name == "--trace") return &arguments->run.trace;
  if (name == "--fresh") return &arguments->fresh;
  if (name == "--quiet") return &arguments->run.quiet;
  return nullptr;
}

uint64_t* NumberOf(std::string_view name, Arguments* arguments) {
  if (name == "--seeds") return &arguments->run.seeds;
  if (name == "--seed") return &arguments->run.first;
  if (name == "--repeat-each") return &arguments->run.repeat_each;
  if (name == "--seed-seconds") return &arguments->seed_seconds;
  if (name == "--jobs") return &arguments->jobs;
  if (name == "--minutes") return &arguments->minutes;
  return nullptr;
}

bool Parse(int argc, char** argv, Arguments* arguments) {
  for (int i = 1; i < argc; ++i) {
    if (bool* flag = FlagOf(argv[i], arguments)) {
      *flag = true;
    } else if (i + 1 == argc) {
      return false;
    } else if (uint64_t* number = NumberOf(argv[i], arguments)) {
      if (!TakeNumber(argv[++i], number)) return false;
    } else {
      return false;
    }
  }
  arguments->run.jobs = static_cast<unsigned>(arguments->jobs);
  arguments->run.seed_seconds_max = static_cast<unsigned>(arguments->seed_seconds);
  return arguments->jobs > 0;
}

Totals RunFreshSeeds(const Arguments& arguments) {
  using Clock = std::chrono::steady_clock;
  RunnerOptions options = arguments.run;
  options.first = treadle::sim::FreshSeed();
  options.seeds = kFreshAtOnce * options.jobs;
  std::fprintf(stderr, "fresh seeds from %llu on, for %llu minutes\n",
               static_cast<unsigned long long>(options.first),
               static_cast<unsigned long long>(arguments.minutes));
  const auto end = Clock::now() + std::chrono::minutes(arguments.minutes);
  auto told = Clock::now();
  const auto tell = [&](const Totals& totals) {
    if (Clock::now() < told + kTellEvery) return;
    told = Clock::now();
    const auto left = std::chrono::duration_cast<std::chrono::minutes>(end - told).count();
    std::fprintf(stderr, "%s so far; %lld minutes left\n", ToSummary(totals).c_str(),
                 static_cast<long long>(std::max<int64_t>(left, 0)));
  };
  Totals totals = RunFresh(options, [&] { return Clock::now() >= end; }, tell);
  std::fprintf(
      stderr, "fresh seeds %llu to %llu: %s\n", static_cast<unsigned long long>(options.first),
      static_cast<unsigned long long>(options.first + totals.seeds - 1), ToSummary(totals).c_str());
  for (const uint64_t seed : totals.failed)
    std::fprintf(stderr, "repeat with: %s\n", treadle::sim::RepeatCommand(seed).c_str());
  return totals;
}

bool NamesWhatNeverHappened(const Totals& totals) {
  if (totals.seeds < kManySeeds) return false;
  bool any = false;
  for (size_t i = 0; i < treadle::sim::kFaults; ++i) {
    if (totals.faults[i] > 0) continue;
    any = true;
    const std::string name(FaultName(static_cast<treadle::sim::Fault>(i)));
    std::fprintf(stderr, "the fault %s never happened\n", name.c_str());
  }
  return any;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (argc == 2 && std::string_view(argv[1]) == "--help") return std::fputs(kUsage, stdout), 0;
  if (!Parse(argc, argv, &arguments)) return std::fputs(kUsage, stderr), 2;
  treadle::sim::SetUpSqliteForOneThread(/*own_memory=*/TREADLE_SIM_OWN_MEMORY);
  const Totals totals = arguments.fresh ? RunFreshSeeds(arguments) : RunSeeds(arguments.run);
  const std::string report = arguments.json ? ToJson(totals) + "\n" : ToText(totals);
  std::fputs(report.c_str(), stdout);
  const bool failed = totals.violations + totals.unequal > 0;
  return NamesWhatNeverHappened(totals) || failed ? 1 : 0;
}
