// Work that takes long: it has a pool of its own, says how far it is, stops when it is asked to,
// and goes on where the last attempt stopped, even if that was on a worker that was killed.
//
//   long_task worker                runs "primes" and "ping" tasks until Ctrl-C
//
//   treadle task enqueue primes '{"below":5000000}' --queue slow --wait
//   treadle task enqueue ping --wait          answers at once, however many primes tasks run

#include <treadle/worker.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>

struct Primes {
  int64_t below = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Primes, below)

struct SoFar {
  int64_t next = 2;
  int64_t found = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SoFar, next, found)

namespace {

constexpr int64_t kStep = 100'000;

bool IsPrime(int64_t n) {
  for (int64_t divisor = 2; divisor * divisor <= n; ++divisor) {
    if (n % divisor == 0) return false;
  }
  return true;
}

treadle::Outcome CountPrimes(const Primes& task, treadle::Context& context) {
  // [resume]
  SoFar so_far = context.Checkpoint<SoFar>().value_or(SoFar());
  context.Log("attempt begins at " + std::to_string(so_far.next));
  while (so_far.next < task.below) {
    if (context.IsCancelled()) return treadle::Released{};  // the next attempt goes on
    const int64_t end = std::min(so_far.next + kStep, task.below);
    for (; so_far.next < end; ++so_far.next) so_far.found += IsPrime(so_far.next) ? 1 : 0;
    if (const auto saved = context.SaveCheckpoint(so_far); !saved.ok())
      return treadle::OutcomeOf(saved);
    context.Progress(double(so_far.next) / double(task.below));
  }
  return treadle::Completed{treadle::ToJson(so_far.found)};
  // [resume end]
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || std::string(argv[1]) != "worker")
    return std::fprintf(stderr, "usage: long_task worker\n"), 2;

  treadle::Worker worker;
  // [pools]
  worker.AddPool({.name = "slow", .queues = {"slow"}, .concurrency = 2});
  worker.Handle("ping", [](const treadle::Task&) { return "pong"; });
  worker.Handle("primes", CountPrimes, {.pool = "slow", .timeout = std::chrono::hours(6)});
  // [pools end]
  return worker.RunUntilSignal();
}
