#include "loadgen/burst.h"

#include <array>
#include <mutex>

#include "loadgen/background_worker.h"
#include "loadgen/burst_latency.h"
#include "loadgen/callers.h"
#include "loadgen/meter.h"
#include "loadgen/stamped_tasks.h"

namespace treadle::loadgen {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;

constexpr int64_t kTimes = 10;
constexpr std::array<const char*, 3> kPhaseNames = {"before", "burst", "after"};

struct Phases {
  explicit Phases(const Load& load)
      : paces({{load.rate, load.duration / 3},
               {load.rate * kTimes, load.duration},
               {load.rate, load.duration}}),
        latency(load.duration / 3, load.duration) {}

  const std::vector<Pace> paces;
  std::mutex mutex;
  BurstLatency latency;              // guarded by `mutex`
  std::array<int64_t, 3> refused{};  // guarded by `mutex`; tasks, by phase
};

Measurement MeasurementOf(const Target& target, const Load& load, const Phases& phases,
                          BurstPhase phase) {
  const auto i = static_cast<size_t>(phase);
  Measurement m{.workload = "burst", .part = kPhaseNames[i], .durability = target.Durability()};
  m.batch = load.batch;
  m.callers = load.callers;
  m.payload_bytes = load.payload_bytes;
  m.rate = phases.paces[i].rate;
  m.latency = phases.latency.Of(phase);
  m.tasks = static_cast<int64_t>(m.latency->count());
  m.seconds = duration<double>(phases.paces[i].length).count();
  m.refused = phases.refused[i];
  if (phase == BurstPhase::kAfter) m.normal_after_s = phases.latency.NormalAfterSeconds();
  return m;
}

/// All of it; `phases` knows what came of it.
Status RunPhases(const Target& target, const Load& load, Phases* phases) {
  Schedule schedule(phases->paces);
  const StampedTasks tasks(schedule.begun());
  Answers answers;
  answers.refused = [&](SteadyClock::time_point intended) {
    const std::lock_guard lock(phases->mutex);
    const BurstPhase phase = phases->latency.PhaseAt(tasks.StampUs(intended));
    phases->refused[static_cast<size_t>(phase)] += load.batch;
  };
  std::atomic<int64_t> started = 0;
  BackgroundWorker worker(target, load, [&](const Task& task) {
    const StampedTasks::Age age = tasks.Of(task);
    const std::lock_guard lock(phases->mutex);
    phases->latency.Add(age.stamp_us, age.latency_us);
    ++started;
  });
  TREADLE_RETURN_IF_ERROR(
      RunCallers(target, load, schedule, answers,
                 [&](SteadyClock::time_point intended) { return tasks.Make(load, intended); }));
  return worker.FinishAfter(started, answers.tasks, load);
}

}  // namespace

Result<std::vector<Measurement>> MeasureBurst(const Target& target, const Load& load) {
  Phases phases(load);
  const Meter meter(target);
  TREADLE_RETURN_IF_ERROR(RunPhases(target, load, &phases));
  std::vector<Measurement> measured;
  for (const BurstPhase phase : {BurstPhase::kBefore, BurstPhase::kBurst, BurstPhase::kAfter})
    measured.push_back(MeasurementOf(target, load, phases, phase));
  meter.StopTurns(&measured.back());  // of all three
  return measured;
}

}  // namespace treadle::loadgen
