// A pipeline over real files: one task fans out into one for each file, and their results are added
// up.
//
//   word_count worker     runs the tasks until Ctrl-C
//   word_count DIR        counts the words of all files below DIR and prints the ten most frequent

#include <treadle/client.h>
#include <treadle/worker.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "handlers.h"

namespace {

constexpr std::chrono::minutes kPatience(5);

int RunWorker() {
  treadle::Worker worker({.queues = {"words"}, .concurrency = 4});
  // [middleware]
  // Around every handler: how long it took.
  worker.Use([](const treadle::Task& task, treadle::Context& context, const auto& next) {
    const auto begun = treadle::Context::Clock::now();
    treadle::Outcome outcome = next(task);
    const auto took = treadle::Context::Clock::now() - begun;
    context.Log("took " + std::to_string(took / std::chrono::microseconds(1)) + " µs");
    return outcome;
  });
  // [middleware end]
  RegisterHandlers(worker);
  return worker.RunUntilSignal();
}

treadle::Result<Counted> CountAll(const std::string& directory) {
  treadle::Client client;
  const std::string payload = treadle::ToJson(Scan{std::filesystem::absolute(directory)});
  TREADLE_ASSIGN_OR_RETURN(const treadle::Enqueued scan,
                           client.Enqueue({.type = "scan", .queue = "words", .payload = payload}));
  TREADLE_ASSIGN_OR_RETURN(const Scanned scanned, client.WaitFor<Scanned>(scan.id, kPatience));
  // [results]
  Counted all;
  for (const std::string& id : scanned.tasks) {
    TREADLE_ASSIGN_OR_RETURN(const Counted one, client.WaitFor<Counted>(id, kPatience));
    all.words += one.words;
    for (const auto& [word, times] : one.of_word) all.of_word[word] += times;
  }
  // [results end]
  return all;
}

void Print(const Counted& all) {
  std::vector<std::pair<int64_t, std::string>> most;
  for (const auto& [word, times] : all.of_word) most.emplace_back(-times, word);
  std::sort(most.begin(), most.end());
  most.resize(std::min<size_t>(most.size(), 10));
  std::printf("%lld words\n", static_cast<long long>(all.words));
  for (const auto& [times, word] : most) {
    std::printf("%8lld %s\n", static_cast<long long>(-times), word.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: word_count worker | word_count DIR\n"), 2;
  if (std::string(argv[1]) == "worker") return RunWorker();
  const treadle::Result<Counted> all = CountAll(argv[1]);
  if (!all.ok()) return std::fprintf(stderr, "%s\n", all.status().message().c_str()), 1;
  Print(*all);
}
