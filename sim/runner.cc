#include "sim/runner.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/check.h"
#include "sim/world.h"

namespace treadle::sim {
namespace {

constexpr uint64_t kCommandsPerHour = 1'000;
constexpr double kHourMs = 3'600'000;

// What a process reports about a seed, through a pipe. Plain bytes, since both ends are one
// program.
struct Message {
  uint64_t seed, steps, commands, crashes, accepted, leases, completions, states_compared;
  int64_t virtual_ms;
  FaultCounts faults;
  uint64_t violations;
  bool unequal;
};

void PrintRepeat(uint64_t seed) {
  std::fprintf(stderr, "repeat with: %s\n", RepeatCommand(seed).c_str());
}

Message RunOne(uint64_t seed, const RunnerOptions& options) {
  const RunReport run = RunWorld({.seed = seed, .print_trace = options.trace});
  const bool repeats = options.repeat_each > 0 && seed % options.repeat_each == 0;
  const bool unequal =
      repeats && RunWorld({.seed = seed, .print_trace = false}).trace_hash != run.trace_hash;
  const auto number = static_cast<unsigned long long>(seed);
  if (!options.quiet) {
    for (const std::string& violation : run.violations)
      std::fprintf(stderr, "seed %llu: %s\n", number, violation.c_str());
    if (unequal) std::fprintf(stderr, "seed %llu: two runs differ\n", number);
    if (unequal || !run.violations.empty()) PrintRepeat(seed);
  }
  return {.seed = seed,
          .steps = run.steps,
          .commands = run.commands,
          .crashes = run.crashes,
          .accepted = run.accepted,
          .leases = run.leases,
          .completions = run.completions,
          .states_compared = run.states_compared,
          .virtual_ms = run.virtual_ms,
          .faults = run.faults,
          .violations = run.violations.size(),
          .unequal = unequal};
}

// One process with its share of the seeds: every `stride`-th.
class Job {
 public:
  Job(const RunnerOptions& options, uint64_t first) : options_(options), next_(first) { Fork(); }

  /// Waits for one result. False: there are no more.
  bool Take(Message* message);

 private:
  bool has_more() const { return next_ < options_.first + options_.seeds; }
  void Fork();
  [[noreturn]] void Work(int out) const;
  bool OnDeath(Message* message);

  RunnerOptions options_;
  uint64_t next_;  // the seed whose result comes next
  pid_t pid_ = 0;
  std::FILE* results_ = nullptr;
};

void Job::Fork() {
  int ends[2];
  TREADLE_CHECK(pipe(ends) == 0);
  pid_ = fork();
  TREADLE_CHECK(pid_ >= 0);
  if (pid_ == 0) {
    close(ends[0]);
    Work(ends[1]);
  }
  close(ends[1]);
  results_ = fdopen(ends[0], "rb");
}

void Job::Work(int out) const {
  if (options_.quiet) TREADLE_CHECK(std::freopen("/dev/null", "w", stderr) != nullptr);
  for (uint64_t seed = next_; seed < options_.first + options_.seeds; seed += options_.jobs) {
    alarm(options_.seed_seconds_max);
    const Message message = RunOne(seed, options_);
    TREADLE_CHECK(write(out, &message, sizeof message) == sizeof message);
  }
  std::exit(0);  // runs the checks of sanitizers
}

bool Job::Take(Message* message) {
  if (!has_more()) {
    if (results_ == nullptr) return false;
    std::fclose(std::exchange(results_, nullptr));
    int status = 0;
    waitpid(pid_, &status, 0);
    if (status == 0 || options_.quiet) return false;
    std::fprintf(stderr, "a process of the simulation ended with status %d\n", status);
    *message = {.violations = 1};
    return true;
  }
  if (std::fread(message, sizeof *message, 1, results_) != 1) return OnDeath(message);
  next_ += options_.jobs;
  return true;
}

// The process died while it ran a seed. A new process continues after that seed.
bool Job::OnDeath(Message* message) {
  std::fclose(std::exchange(results_, nullptr));
  int status = 0;
  waitpid(pid_, &status, 0);
  if (!options_.quiet) {
    std::fprintf(stderr, "seed %llu: it %s\n", static_cast<unsigned long long>(next_),
                 WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "hung" : "died");
    PrintRepeat(next_);
  }
  *message = {.seed = next_, .violations = 1};
  next_ += options_.jobs;
  if (has_more()) Fork();
  return true;
}

void Add(const Message& run, Totals* totals) {
  totals->seeds += run.seed != 0;
  totals->events += run.steps;
  totals->commands += run.commands;
  totals->accepted += run.accepted;
  totals->leases += run.leases;
  totals->completions += run.completions;
  totals->crashes += run.crashes;
  totals->states_compared += run.states_compared;
  totals->violations += run.violations != 0;
  totals->unequal += run.unequal;
  if (run.violations != 0 || run.unequal) totals->failed.push_back(run.seed);
  uint64_t faults = 0;
  for (size_t i = 0; i < kFaults; ++i) {
    totals->faults[i] += run.faults[i];
    faults += run.faults[i];
  }
  // Time in which little happens is cheap to simulate and proves little.
  if (faults > 0)
    totals->virtual_hours +=
        std::min(static_cast<double>(run.virtual_ms) / kHourMs,
                 static_cast<double>(run.commands) / static_cast<double>(kCommandsPerHour));
}

void Add(const Totals& some, Totals* totals) {
  totals->seeds += some.seeds;
  totals->events += some.events;
  totals->commands += some.commands;
  totals->virtual_hours += some.virtual_hours;
  totals->accepted += some.accepted;
  totals->leases += some.leases;
  totals->completions += some.completions;
  totals->crashes += some.crashes;
  totals->states_compared += some.states_compared;
  for (size_t i = 0; i < kFaults; ++i) totals->faults[i] += some.faults[i];
  totals->violations += some.violations;
  totals->unequal += some.unequal;
  totals->failed.insert(totals->failed.end(), some.failed.begin(), some.failed.end());
  totals->seconds += some.seconds;
}

}  // namespace

std::string RepeatCommand(uint64_t seed) {
  return "./dev sim --seed " + std::to_string(seed) + " --seeds 1 --trace";
}

uint64_t FreshSeed() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

Totals RunFresh(RunnerOptions options, const std::function<bool()>& is_over,
                const std::function<void(const Totals&)>& tell) {
  options.repeat_each = 0;
  Totals totals;
  do {
    Add(RunSeeds(options), &totals);
    options.first += options.seeds;
    tell(totals);
  } while (!is_over());
  return totals;
}

Totals RunSeeds(const RunnerOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  std::fflush(nullptr);
  std::vector<Job> jobs;
  for (uint64_t i = 0; i < options.jobs && i < options.seeds; ++i)
    jobs.emplace_back(options, options.first + i);
  Totals totals;
  // Takes results from each job in turn. A faster process waits, which costs little since all seeds
  // take about the same time.
  for (bool any = true; any;) {
    any = false;
    for (Job& job : jobs) {
      Message message{};
      if (!job.Take(&message)) continue;
      any = true;
      Add(message, &totals);
    }
  }
  totals.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return totals;
}

std::string ToJson(const Totals& totals) {
  const auto field = [](const std::string& name, uint64_t value) {
    return "\"" + name + "\": " + std::to_string(value);
  };
  std::string faults;
  for (size_t i = 0; i < kFaults; ++i)
    faults += (i == 0 ? "" : ", ") +
              field(std::string(FaultName(static_cast<Fault>(i))), totals.faults[i]);
  char hours[64];
  std::snprintf(hours, sizeof hours, "\"virtual_hours\": %.2f, \"seconds\": %.1f",
                totals.virtual_hours, totals.seconds);
  return "{" + field("seeds", totals.seeds) + ", " + hours + ", " + field("events", totals.events) +
         ", " + field("commands", totals.commands) + ", " + field("accepted", totals.accepted) +
         ", " + field("leases", totals.leases) + ", " + field("completions", totals.completions) +
         ", " + field("crashes", totals.crashes) + ", " +
         field("states_compared", totals.states_compared) + ", \"faults\": {" + faults + "}, " +
         field("violations", totals.violations) + ", " + field("unequal", totals.unequal) + "}";
}

std::string ToSummary(const Totals& totals) {
  char line[256];
  std::snprintf(line, sizeof line, "%llu seeds, %.1f virtual hours, %llu with violations",
                static_cast<unsigned long long>(totals.seeds), totals.virtual_hours,
                static_cast<unsigned long long>(totals.failed.size()));
  return line;
}

std::string ToText(const Totals& totals) {
  char line[256];
  std::snprintf(line, sizeof line,
                "%llu seeds, %.1f virtual hours, %.1f million events (%.0f a second)\n",
                static_cast<unsigned long long>(totals.seeds), totals.virtual_hours,
                static_cast<double>(totals.events) / 1e6,
                static_cast<double>(totals.events) / std::max(totals.seconds, 0.001));
  std::string text = line;
  text += std::to_string(totals.accepted) + " tasks accepted, " + std::to_string(totals.leases) +
          " leases, " + std::to_string(totals.completions) + " completions; " +
          std::to_string(totals.crashes) + " crashes, state compared after " +
          std::to_string(totals.states_compared) + "\nfaults:";
  for (size_t i = 0; i < kFaults; ++i)
    text += (i == 0 ? " " : ", ") + std::string(FaultName(static_cast<Fault>(i))) + ' ' +
            std::to_string(totals.faults[i]);
  return text + "\n" + std::to_string(totals.violations) + " seeds with violations, " +
         std::to_string(totals.unequal) + " that do not repeat\n";
}

}  // namespace treadle::sim
