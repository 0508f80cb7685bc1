#include "loadgen/callers.h"

#include <algorithm>
#include <thread>

#include "treadle/client.h"

namespace treadle::loadgen {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr microseconds kLinger(2'000);
constexpr int64_t kBacklogBatch = 1'000;

int64_t NowUs() { return SteadyClock::now().time_since_epoch() / microseconds(1); }

/// One call that waits for its answer; whether the caller should continue.
bool Call(Client& client, const std::vector<TaskRequest>& tasks, SteadyClock::time_point intended,
          Answers& answers, Histogram* latency) {
  const Status status =
      tasks.size() == 1 ? client.Enqueue(tasks[0]).status() : client.EnqueueMany(tasks).status();
  if (status.code() == Code::kResourceExhausted && answers.refused) {
    answers.refused(intended);
    return true;
  }
  if (!status.ok()) {
    answers.Fail(status);
    return false;
  }
  latency->Add(UsSince(intended));
  answers.stalls.Happened(NowUs());
  answers.tasks += static_cast<int64_t>(tasks.size());
  return true;
}

void CallOverAndOver(Client& client, const Load& load, Schedule& schedule, Answers& answers,
                     const MakeTasks& make) {
  Histogram latency;
  bool goes_on = true;
  while (goes_on) {
    const auto intended = schedule.Next(answers.stop);
    if (!intended) break;
    const std::vector<TaskRequest> tasks = make(*intended);
    if (load.coalesce == Coalesce::kAsync) {
      client.EnqueueAsync(tasks[0], [&answers, intended](const Result<Enqueued>& answer) {
        answers.Answered(*intended, answer.status());
      });
    } else {
      goes_on = Call(client, tasks, *intended, answers, &latency);
    }
  }
  const std::lock_guard lock(answers.mutex);
  answers.latency.Merge(latency);
}

}  // namespace

int64_t UsSince(SteadyClock::time_point begun) {
  return (SteadyClock::now() - begun) / microseconds(1);
}

double SecondsSince(SteadyClock::time_point begun) {
  return static_cast<double>(UsSince(begun)) / 1'000'000;
}

void Answers::Answered(SteadyClock::time_point intended, const Status& status) {
  if (!status.ok()) return Fail(status);
  const std::lock_guard lock(mutex);
  latency.Add(UsSince(intended));
  ++tasks;
}

void Answers::Fail(const Status& status) {
  const std::lock_guard lock(mutex);
  if (failure.ok()) failure = status;
  stop = true;
}

MakeTasks SameTasks(const Load& load) {
  return [tasks = TasksOf(load, load.batch)](SteadyClock::time_point) { return tasks; };
}

Status RunCallers(const Target& target, const Load& load, Schedule& schedule, Answers& answers,
                  const MakeTasks& make) {
  Client client(target.Client(load.coalesce == Coalesce::kOn ? kLinger : microseconds(0)));
  std::atomic<int64_t> busy = load.callers;
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(load.callers));
  for (int64_t i = 0; i < load.callers; ++i) {
    threads.emplace_back([&] {
      CallOverAndOver(client, load, schedule, answers, make);
      --busy;
    });
  }
  while (busy > 0) {
    if (load.interrupted()) answers.stop = true;
    std::this_thread::sleep_for(milliseconds(1));
  }
  for (std::thread& thread : threads) thread.join();
  client.Flush();
  return answers.failure;
}

Status RunCallers(const Target& target, const Load& load, Answers& answers, const MakeTasks& make) {
  Schedule schedule({{load.rate, load.duration}});
  return RunCallers(target, load, schedule, answers, make);
}

Result<int64_t> EnqueueBacklog(
    const Target& target, const Load& load, int64_t tasks,
    const std::function<std::vector<TaskRequest>(int64_t before, int64_t count)>& make) {
  Client client(target.Client(microseconds(0)));
  int64_t enqueued = 0;
  while (enqueued < tasks && !load.interrupted()) {
    const auto answer = client.EnqueueMany(make(enqueued, std::min(tasks, kBacklogBatch)));
    if (!answer.ok()) return answer.status();
    enqueued += static_cast<int64_t>(answer->size());
  }
  return enqueued;
}

Result<int64_t> EnqueueBacklog(const Target& target, const Load& load, int64_t tasks) {
  return EnqueueBacklog(target, load, tasks,
                        [&load](int64_t, int64_t count) { return TasksOf(load, count); });
}

}  // namespace treadle::loadgen
