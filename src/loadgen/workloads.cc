#include "loadgen/workloads.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "loadgen/background_worker.h"
#include "loadgen/callers.h"
#include "loadgen/meter.h"
#include "loadgen/stamped_tasks.h"

namespace treadle::loadgen {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr int64_t kAheadMax = 20'000;  // tasks, of producers before the worker of a whole cycle

Measurement Begin(const Target& target, std::string workload) {
  return {.workload = std::move(workload), .durability = target.Durability()};
}

double MsOf(const StallWatch& watch) { return static_cast<double>(watch.longest_us()) / 1'000; }

}  // namespace

Result<Measurement> MeasureEnqueue(Target& target, const Load& load) {
  Measurement m = Begin(target, "enqueue");
  m.batch = load.batch;
  m.callers = load.callers;
  if (load.batch == 1) m.coalesce = load.coalesce;
  m.payload_bytes = load.payload_bytes;
  if (load.rate > 0) m.rate = load.rate;
  Answers answers;
  const Meter meter(target);
  const auto begun = SteadyClock::now();
  TREADLE_RETURN_IF_ERROR(RunCallers(target, load, answers, SameTasks(load)));
  m.seconds = SecondsSince(begun);
  m.tasks = answers.tasks;
  m.latency = answers.latency;
  meter.Stop(&m);
  return m;
}

Result<Measurement> MeasureDrain(Target& target, const Load& load, int64_t backlog) {
  Measurement m = Begin(target, "drain");
  m.tasks = backlog;
  m.payload_bytes = load.payload_bytes;
  std::atomic<int64_t> done = 0;
  const Meter meter(target);
  const auto begun = SteadyClock::now();
  BackgroundWorker worker(target, load, [&](const Task&) { ++done; });
  TREADLE_RETURN_IF_ERROR(worker.FinishAfter(done, backlog, load));
  m.seconds = SecondsSince(begun);
  meter.Stop(&m);
  return m;
}

Result<Measurement> MeasureCycle(Target& target, const Load& load) {
  Measurement m = Begin(target, "cycle");
  m.batch = load.batch;
  m.callers = load.callers;
  m.payload_bytes = load.payload_bytes;
  if (load.rate > 0) m.rate = load.rate;
  Answers answers;
  std::atomic<int64_t> done = 0;
  StallWatch completions;
  const Meter meter(target);
  const auto begun = SteadyClock::now();
  BackgroundWorker worker(target, load, [&](const Task&) {
    completions.Happened(UsSince(begun));
    ++done;
  });
  const auto make = [&, tasks = SameTasks(load)](SteadyClock::time_point intended) {
    while (answers.tasks - done > kAheadMax && !answers.stop)
      std::this_thread::sleep_for(microseconds(200));
    return tasks(intended);
  };
  TREADLE_RETURN_IF_ERROR(RunCallers(target, load, answers, make));
  TREADLE_RETURN_IF_ERROR(worker.FinishAfter(done, answers.tasks, load));
  m.seconds = SecondsSince(begun);
  m.tasks = answers.tasks;
  m.stall_ms = MsOf(completions);
  m.enqueue_stall_ms = MsOf(answers.stalls);
  meter.Stop(&m);
  return m;
}

Result<Measurement> MeasureLatency(Target& target, const Load& load) {
  Measurement m = Begin(target, "latency");
  m.batch = load.batch;
  m.callers = load.callers;
  m.payload_bytes = load.payload_bytes;
  m.rate = load.rate;
  Answers answers;
  Answers started;  // what handlers see
  const StampedTasks tasks(SteadyClock::now());
  const Meter meter(target);
  BackgroundWorker worker(target, load, [&](const Task& task) {
    const int64_t latency_us = tasks.Of(task).latency_us;
    const std::lock_guard lock(started.mutex);
    started.latency.Add(latency_us);
    ++started.tasks;
  });
  const auto make = [&](SteadyClock::time_point intended) { return tasks.Make(load, intended); };
  const auto begun = SteadyClock::now();
  TREADLE_RETURN_IF_ERROR(RunCallers(target, load, answers, make));
  m.seconds = SecondsSince(begun);
  TREADLE_RETURN_IF_ERROR(worker.FinishAfter(started.tasks, answers.tasks, load));
  m.tasks = answers.tasks;
  m.latency = started.latency;
  meter.Stop(&m);
  return m;
}

Result<Measurement> MeasureCheckpoint(Target& target, const Load& load) {
  Load writers = load;
  writers.batch = 100;
  writers.callers = 1;
  writers.rate = 0;
  Answers written;
  Status writing;
  std::thread background(
      [&] { writing = RunCallers(target, writers, written, SameTasks(writers)); });
  const auto before = target.Checkpoints();
  Result<Measurement> m = MeasureEnqueue(target, load);
  const auto after = target.Checkpoints();
  background.join();
  TREADLE_RETURN_IF_ERROR(writing);
  if (!m.ok()) return m;
  m->workload = "checkpoint";
  m->tasks += written.tasks;
  m->server_cpu_us_per_task.reset();
  if (before && after) m->checkpoints = *after - *before;
  return m;
}

Result<Measurement> MeasureMemory(Target& target, const Load& load, int64_t tasks) {
  Measurement m = Begin(target, "memory");
  m.payload_bytes = load.payload_bytes;
  TREADLE_RETURN_IF_ERROR(target.KillAndRestart().status());  // without what went before
  const auto before = target.RssBytes();
  const auto begun = SteadyClock::now();
  TREADLE_ASSIGN_OR_RETURN(m.tasks, EnqueueBacklog(target, load, tasks));
  m.seconds = SecondsSince(begun);
  if (load.interrupted()) return Status(Code::kCancelled, "interrupted");
  // A checkpoint begins two seconds after a change; what it frees goes back to the system soon
  // after.
  std::this_thread::sleep_for(milliseconds(5'000));
  const auto after = target.RssBytes();
  if (before && after)
    m.rss_bytes_per_task = static_cast<double>(*after - *before) / static_cast<double>(m.tasks);
  return m;
}

Result<Measurement> MeasureRecovery(Target& target, int64_t queued) {
  Measurement m = Begin(target, "recovery");
  TREADLE_ASSIGN_OR_RETURN(m.seconds, target.KillAndRestart());
  m.tasks = queued;
  m.latency.emplace();
  m.latency->Add(static_cast<int64_t>(m.seconds * 1'000'000));
  return m;
}

}  // namespace treadle::loadgen
