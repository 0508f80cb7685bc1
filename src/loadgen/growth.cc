#include "loadgen/growth.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "base/time.h"
#include "loadgen/background_worker.h"
#include "loadgen/callers.h"
#include "loadgen/meter.h"
#include "loadgen/target.h"

namespace treadle::loadgen {
namespace {

constexpr int64_t kFew = 10'000;
constexpr int64_t kSlice = 20'000;  // tasks that are enqueued and drained in turns, beyond the rest
constexpr int kRounds = 3;
constexpr int64_t kDayMs = 86'400'000;
constexpr auto kNoEnd = std::chrono::hours(24);

/// One server, with tasks that wait.
class Site {
 public:
  Site(Target target, const Load& load) : target_(std::move(target)), load_(load) {}

  Status Fill(int64_t ready, int64_t scheduled);
  /// Enqueues and drains in turns until that took the load's duration, then rests.
  Status Round();

  Measurement Enqueued() const { return MedianOf(enqueued_, "enqueue"); }
  Measurement Drained() const { return MedianOf(drained_, "drain"); }

 private:
  Status EnqueueSlice(Measurement* m);
  Status DrainSlice(Measurement* m);
  Measurement MedianOf(std::vector<Measurement> rounds, const char* part) const;

  Target target_;
  const Load& load_;
  int64_t ready_ = 0;   // that should wait, between two slices
  int64_t queued_ = 0;  // ready ones that do
  int64_t scheduled_ = 0;
  std::vector<Measurement> enqueued_;  // by round
  std::vector<Measurement> drained_;
};

/// Each due a millisecond after the one before.
Result<int64_t> EnqueueScheduled(const Target& target, const Load& load, int64_t tasks) {
  const int64_t first_ms = SystemClock().Wall().ms + kDayMs;
  return EnqueueBacklog(target, load, tasks, [&](int64_t before, int64_t count) {
    std::vector<TaskRequest> batch = TasksOf(load, count);
    for (int64_t i = 0; i < count; ++i)
      batch[static_cast<size_t>(i)].run_at = FormatWallTime({first_ms + before + i});
    return batch;
  });
}

Status Site::Fill(int64_t ready, int64_t scheduled) {
  ready_ = ready;
  TREADLE_ASSIGN_OR_RETURN(scheduled_, EnqueueScheduled(target_, load_, scheduled));
  TREADLE_ASSIGN_OR_RETURN(queued_, EnqueueBacklog(target_, load_, ready));
  return target_.Settle(load_.interrupted);
}

Status Site::EnqueueSlice(Measurement* m) {
  const int64_t calls = (ready_ + kSlice - queued_ + load_.batch - 1) / load_.batch;
  Schedule schedule({{0, kNoEnd}}, calls);
  Answers answers;
  TREADLE_RETURN_IF_ERROR(RunCallers(target_, load_, schedule, answers, SameTasks(load_)));
  m->seconds += SecondsSince(schedule.begun());
  m->tasks += answers.tasks;
  queued_ += answers.tasks;
  return {};
}

// From the first task to the last one of the slice: how a worker begins and ends does not count. At
// its end it finishes some more, which the next slice makes up for.
Status Site::DrainSlice(Measurement* m) {
  std::atomic<int64_t> done = 0;
  const auto begun = SteadyClock::now();
  std::atomic<int64_t> first_us = 0;
  std::atomic<int64_t> last_us = 0;
  BackgroundWorker worker(target_, load_, [&](const Task&) {
    const int64_t before = done++;
    if (before == 0) first_us = UsSince(begun);
    if (before + 1 == kSlice) last_us = UsSince(begun);
  });
  TREADLE_RETURN_IF_ERROR(worker.FinishAfter(done, kSlice, load_));
  m->seconds += static_cast<double>(last_us - first_us) / 1'000'000;
  m->tasks += kSlice;
  queued_ -= done;
  return {};
}

Status Site::Round() {
  Measurement& enqueued = enqueued_.emplace_back();
  Measurement& drained = drained_.emplace_back();
  const double wanted = std::chrono::duration<double>(load_.duration).count();
  while (enqueued.seconds + drained.seconds < wanted) {
    TREADLE_RETURN_IF_ERROR(EnqueueSlice(&enqueued));
    TREADLE_RETURN_IF_ERROR(DrainSlice(&drained));
  }
  return target_.Settle(load_.interrupted);
}

// Turns count from the server's start: filling is also an operation.
Measurement Site::MedianOf(std::vector<Measurement> rounds, const char* part) const {
  const auto middle = rounds.begin() + kRounds / 2;
  std::ranges::nth_element(rounds, middle, {}, &Measurement::PerSecond);
  Measurement m = *middle;
  m.workload = "growth";
  m.part = part;
  m.durability = target_.Durability();
  m.batch = load_.batch;
  m.callers = load_.callers;
  m.payload_bytes = load_.payload_bytes;
  m.queued = ready_;
  m.scheduled = scheduled_;
  if (const auto turns = target_.ShardTurns()) SayLongestTurns({}, *turns, &m);
  return m;
}

Result<Site> MakeSite(const std::string& parent, const Load& load, int64_t ready,
                      int64_t scheduled) {
  TREADLE_ASSIGN_OR_RETURN(Target target, Target::Serve(parent));
  Site site(std::move(target), load);
  TREADLE_RETURN_IF_ERROR(site.Fill(ready, scheduled));
  return site;
}

Measurement WithRatio(Measurement many, const Measurement& few) {
  if (few.PerSecond() > 0) many.ratio = many.PerSecond() / few.PerSecond();
  return many;
}

}  // namespace

Result<std::vector<Measurement>> MeasureGrowth(const std::string& parent, const Load& load,
                                               Growth kind, int64_t tasks) {
  const bool is_queued = kind == Growth::kQueued;
  TREADLE_ASSIGN_OR_RETURN(Site few, MakeSite(parent, load, kFew, 0));
  TREADLE_ASSIGN_OR_RETURN(Site many,
                           MakeSite(parent, load, is_queued ? tasks : kFew, is_queued ? 0 : tasks));
  for (int round = 0; round < kRounds; ++round) {
    TREADLE_RETURN_IF_ERROR(few.Round());
    TREADLE_RETURN_IF_ERROR(many.Round());
  }
  return std::vector{few.Enqueued(), WithRatio(many.Enqueued(), few.Enqueued()), few.Drained(),
                     WithRatio(many.Drained(), few.Drained())};
}

}  // namespace treadle::loadgen
