// Work that takes long: it has a pool of its own, says how far it is, stops when it is asked to,
// and goes on where the last attempt stopped, even if that was on a worker that was killed.
//
//   long_task worker STATE_DIR      runs "primes" and "ping" tasks until Ctrl-C
//
//   treadle task enqueue primes '{"below":5000000}' --queue slow --wait
//   treadle task enqueue ping --wait          answers at once, however many primes tasks run

#include <treadle/worker.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

struct Primes {
  int64_t below = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Primes, below)

struct Progress {
  int64_t next = 2;
  int64_t found = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Progress, next, found)

namespace {

constexpr int64_t kStep = 100'000;

bool IsPrime(int64_t n) {
  for (int64_t divisor = 2; divisor * divisor <= n; ++divisor) {
    if (n % divisor == 0) return false;
  }
  return true;
}

Progress Load(const std::filesystem::path& path) {
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto progress = treadle::FromJson<Progress>(text);
  return progress.ok() ? *progress : Progress();
}

// A file is there in whole or not at all, whenever the process is killed.
void Save(const Progress& progress, const std::filesystem::path& path) {
  const std::filesystem::path fresh = path.string() + ".new";
  std::ofstream(fresh) << treadle::ToJson(progress);
  std::filesystem::rename(fresh, path);
}

treadle::Outcome CountPrimes(const std::filesystem::path& state_dir, const Primes& task,
                             treadle::Context& context) {
  const std::filesystem::path state = state_dir / (context.task().id + ".json");
  // [resume]
  Progress progress = Load(state);
  context.Log("attempt " + std::to_string(context.attempt()) + " begins at " +
              std::to_string(progress.next));
  while (progress.next < task.below) {
    if (context.IsCancelled()) return treadle::Released{};  // the next attempt goes on
    const int64_t end = std::min(progress.next + kStep, task.below);
    for (; progress.next < end; ++progress.next) progress.found += IsPrime(progress.next) ? 1 : 0;
    Save(progress, state);
  }
  std::filesystem::remove(state);
  return treadle::Completed{treadle::ToJson(progress.found)};
  // [resume end]
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || std::string(argv[1]) != "worker")
    return std::fprintf(stderr, "usage: long_task worker STATE_DIR\n"), 2;
  const std::filesystem::path state_dir = argv[2];
  std::filesystem::create_directories(state_dir);

  treadle::Worker worker;
  // [pools]
  worker.AddPool({.name = "slow", .queues = {"slow"}, .concurrency = 2});
  worker.Handle("ping", [](const treadle::Task&) { return "pong"; });
  worker.Handle("primes",
                [&](const Primes& task, treadle::Context& context) {
                  return CountPrimes(state_dir, task, context);
                },
                {.pool = "slow", .timeout = std::chrono::hours(6)});
  // [pools end]
  return worker.RunUntilSignal();
}
