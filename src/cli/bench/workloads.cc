#include "cli/bench/workloads.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "treadle/worker.h"

namespace treadle::cli::bench {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr microseconds kLinger(2'000);
constexpr size_t kWorkerConcurrency = 1'000;
constexpr const char* kType = "bench";
constexpr int64_t kAheadMax = 20'000;  // tasks, of producers before the worker of a whole cycle

int64_t UsSince(Clock::time_point begun) { return (Clock::now() - begun) / microseconds(1); }
double SecondsSince(Clock::time_point begun) {
  return static_cast<double>(UsSince(begun)) / 1'000'000;
}

/// The intended starts of all calls of a measurement: as fast as they return, or on a fixed
/// schedule that never waits for a slow server. Every start that lies before the end is used,
/// however late.
class Schedule {
 public:
  Schedule(int64_t rate, Clock::duration length) : rate_(rate), length_(length) {}

  /// Waits for the next intended start; nothing after the end, or once `stop` is set. Any thread.
  std::optional<Clock::time_point> Next(const std::atomic<bool>& stop) {
    auto intended = Clock::now();
    if (rate_ > 0) intended = begun_ + std::chrono::nanoseconds(next_++ * 1'000'000'000 / rate_);
    if (intended >= begun_ + length_) return std::nullopt;
    while (!stop && Clock::now() < intended)
      std::this_thread::sleep_until(std::min(intended, Clock::now() + milliseconds(50)));
    if (stop) return std::nullopt;
    return intended;
  }

 private:
  const int64_t rate_;
  const Clock::duration length_;
  const Clock::time_point begun_ = Clock::now();
  std::atomic<int64_t> next_ = 0;
};

struct Shared {
  std::atomic<int64_t> tasks = 0;
  std::atomic<bool> stop = false;
  std::mutex mutex;
  Status failure;
  Histogram latency;

  void Answered(Clock::time_point intended, const Status& status) {
    if (!status.ok()) return Fail(status);
    const std::lock_guard lock(mutex);
    latency.Add(UsSince(intended));
    ++tasks;
  }
  void Fail(const Status& status) {
    const std::lock_guard lock(mutex);
    if (failure.ok()) failure = status;
    stop = true;
  }
};

/// A JSON string that begins with `text` and has the size that is asked for, or what `text` needs.
std::string PayloadOf(const Load& load, std::string_view text = "") {
  const size_t wanted = static_cast<size_t>(load.payload_bytes) - 2;
  return '"' + std::string(text) + std::string(wanted - std::min(wanted, text.size()), 'x') + '"';
}

TaskRequest TaskOf(const Load& load) {
  return {.type = kType, .queue = load.queue, .payload = PayloadOf(load)};
}

/// Calls until told to stop; `make` gives the tasks of a call from its intended start.
template <class Make>
void CallOverAndOver(Client& client, const Load& load, Schedule& schedule, Shared& shared,
                     Make make) {
  Histogram latency;
  while (const auto intended = schedule.Next(shared.stop)) {
    const std::vector<TaskRequest> tasks = make(*intended);
    if (load.coalesce == Coalesce::kAsync) {
      client.EnqueueAsync(tasks[0], [&shared, intended](const Result<Enqueued>& answer) {
        shared.Answered(*intended, answer.status());
      });
      continue;
    }
    Status status;
    if (load.batch == 1) {
      status = client.Enqueue(tasks[0]).status();
    } else {
      status = client.EnqueueMany(tasks).status();
    }
    if (!status.ok()) return shared.Fail(status);
    latency.Add(UsSince(*intended));
    shared.tasks += load.batch;
  }
  const std::lock_guard lock(shared.mutex);
  shared.latency.Merge(latency);
}

/// Runs `load.callers` of them for `load.duration`.
template <class Make>
Status RunCallers(Target& target, const Load& load, Shared& shared, Make make) {
  Client client(target.Client(load.coalesce == Coalesce::kOn ? kLinger : microseconds(0)));
  Schedule schedule(load.rate, load.duration);
  std::atomic<int64_t> busy = load.callers;
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < load.callers; ++i) {
    threads.emplace_back([&] {
      CallOverAndOver(client, load, schedule, shared, make);
      --busy;
    });
  }
  while (busy > 0) {
    if (load.interrupted()) shared.stop = true;
    std::this_thread::sleep_for(milliseconds(1));
  }
  for (std::thread& thread : threads) thread.join();
  client.Flush();
  return shared.failure;
}

auto SameTasks(const Load& load) {
  return [tasks = std::vector<TaskRequest>(static_cast<size_t>(load.batch), TaskOf(load))](
             Clock::time_point) { return tasks; };
}

Measurement Begin(const Target& target, std::string workload) {
  return {.workload = std::move(workload), .durability = target.Durability()};
}

void SetCpu(const Target& target, const std::optional<int64_t>& before, Measurement* m) {
  const auto after = target.CpuUs();
  if (before && after && m->tasks > 0)
    m->server_cpu_us_per_task =
        static_cast<double>(*after - *before) / static_cast<double>(m->tasks);
}

/// A worker in a thread of its own, until Finish().
class BackgroundWorker {
 public:
  template <class Fn>
  BackgroundWorker(const Target& target, const Load& load, Fn handler)
      : worker_({.client = target.Client(microseconds(0)),
                 .queues = {load.queue},
                 .concurrency = kWorkerConcurrency,
                 .log = [](std::string_view) {}}) {
    worker_.Handle(kType, std::move(handler));
    thread_ = std::thread([this] {
      status_ = worker_.Run();
      has_ended_ = true;
    });
  }
  ~BackgroundWorker() { (void)Finish(); }

  bool has_ended() const { return has_ended_; }
  /// Returns when every report has been acknowledged.
  Status Finish() {
    worker_.Stop();
    if (thread_.joinable()) thread_.join();
    return status_;
  }

 private:
  Worker worker_;
  Status status_;  // once the thread has ended
  std::atomic<bool> has_ended_ = false;
  std::thread thread_;
};

/// Until the worker has done all of `wanted`, or gave up.
Status WaitFor(const std::atomic<int64_t>& done, int64_t wanted, const BackgroundWorker& worker,
               const Load& load) {
  while (done < wanted) {
    if (load.interrupted()) return {Code::kCancelled, "interrupted"};
    if (worker.has_ended()) return {Code::kAborted, "the worker gave up"};
    std::this_thread::sleep_for(microseconds(200));
  }
  return {};
}

/// The worker's own reason first.
Status FinishedWell(BackgroundWorker& worker, const Status& waited) {
  const Status finished = worker.Finish();
  return finished.ok() ? waited : finished;
}

}  // namespace

Result<Measurement> MeasureEnqueue(Target& target, const Load& load) {
  Measurement m = Begin(target, "enqueue");
  m.batch = load.batch;
  m.callers = load.callers;
  if (load.batch == 1) m.coalesce = load.coalesce;
  m.payload_bytes = load.payload_bytes;
  if (load.rate > 0) m.rate = load.rate;
  Shared shared;
  const auto cpu = target.CpuUs();
  const auto begun = Clock::now();
  TREADLE_RETURN_IF_ERROR(RunCallers(target, load, shared, SameTasks(load)));
  m.seconds = SecondsSince(begun);
  m.tasks = shared.tasks;
  m.latency = shared.latency;
  SetCpu(target, cpu, &m);
  return m;
}

Result<int64_t> EnqueueBacklog(Target& target, const Load& load, int64_t tasks) {
  Client client(target.Client(microseconds(0)));
  const std::vector<TaskRequest> batch(static_cast<size_t>(std::min<int64_t>(tasks, 1'000)),
                                       TaskOf(load));
  int64_t enqueued = 0;
  while (enqueued < tasks && !load.interrupted()) {
    const auto answer = client.EnqueueMany(batch);
    if (!answer.ok()) return answer.status();
    enqueued += static_cast<int64_t>(answer->size());
  }
  return enqueued;
}

Result<Measurement> MeasureDrain(Target& target, const Load& load, int64_t backlog) {
  Measurement m = Begin(target, "drain");
  m.tasks = backlog;
  m.payload_bytes = load.payload_bytes;
  std::atomic<int64_t> done = 0;
  const auto cpu = target.CpuUs();
  const auto begun = Clock::now();
  BackgroundWorker worker(target, load, [&](const Task&) { ++done; });
  TREADLE_RETURN_IF_ERROR(FinishedWell(worker, WaitFor(done, backlog, worker, load)));
  m.seconds = SecondsSince(begun);
  SetCpu(target, cpu, &m);
  return m;
}

Result<Measurement> MeasureCycle(Target& target, const Load& load) {
  Measurement m = Begin(target, "cycle");
  m.batch = load.batch;
  m.callers = load.callers;
  m.payload_bytes = load.payload_bytes;
  if (load.rate > 0) m.rate = load.rate;
  Shared shared;
  std::atomic<int64_t> done = 0;
  const auto cpu = target.CpuUs();
  const auto begun = Clock::now();
  BackgroundWorker worker(target, load, [&](const Task&) { ++done; });
  const auto make = [&, tasks = SameTasks(load)](Clock::time_point intended) {
    while (shared.tasks - done > kAheadMax && !shared.stop)
      std::this_thread::sleep_for(microseconds(200));
    return tasks(intended);
  };
  TREADLE_RETURN_IF_ERROR(RunCallers(target, load, shared, make));
  TREADLE_RETURN_IF_ERROR(FinishedWell(worker, WaitFor(done, shared.tasks, worker, load)));
  m.seconds = SecondsSince(begun);
  m.tasks = shared.tasks;
  SetCpu(target, cpu, &m);
  return m;
}

Result<Measurement> MeasureLatency(Target& target, const Load& load) {
  Measurement m = Begin(target, "latency");
  m.batch = load.batch;
  m.callers = load.callers;
  m.payload_bytes = load.payload_bytes;
  m.rate = load.rate;
  Shared shared;
  Shared started;  // what handlers see
  const auto epoch = Clock::now();
  const auto make = [&](Clock::time_point intended) {
    const int64_t at_us = (intended - epoch) / microseconds(1);
    const TaskRequest task{.type = kType,
                           .queue = load.queue,
                           .payload = PayloadOf(load, std::to_string(at_us) + ' ')};
    return std::vector<TaskRequest>(static_cast<size_t>(load.batch), task);
  };
  const auto cpu = target.CpuUs();
  BackgroundWorker worker(target, load, [&](const Task& task) {
    const int64_t at_us = std::strtoll(task.payload.c_str() + 1, nullptr, 10);
    const int64_t latency_us = UsSince(epoch) - at_us;
    const std::lock_guard lock(started.mutex);
    started.latency.Add(latency_us);
    ++started.tasks;
  });
  const auto begun = Clock::now();
  TREADLE_RETURN_IF_ERROR(RunCallers(target, load, shared, make));
  m.seconds = SecondsSince(begun);
  TREADLE_RETURN_IF_ERROR(FinishedWell(worker, WaitFor(started.tasks, shared.tasks, worker, load)));
  m.tasks = shared.tasks;
  m.latency = started.latency;
  SetCpu(target, cpu, &m);
  return m;
}

Result<Measurement> MeasureCheckpoint(Target& target, const Load& load) {
  Load writers = load;
  writers.batch = 100;
  writers.callers = 1;
  writers.rate = 0;
  Shared written;
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
  const auto begun = Clock::now();
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

}  // namespace treadle::cli::bench
