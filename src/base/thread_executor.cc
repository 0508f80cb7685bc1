#include "base/thread_executor.h"

#include <pthread.h>

#include <chrono>
#include <utility>

#include "base/thread_turns.h"

namespace treadle {
namespace {

// How often one who helps looks for what was posted meanwhile, before it goes back to its own work.
constexpr int kRoundsOfHelp = 3;

int64_t NowMs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace

ThreadExecutor::ThreadExecutor(std::string name, Turns turns)
    : thread_([this, turns] {
        if (turns == Turns::kShort) TakeShortTurns();
        Run();
      }) {
  pthread_setname_np(thread_.native_handle(), name.c_str());
}

ThreadExecutor::~ThreadExecutor() { Stop(); }

void ThreadExecutor::Post(std::function<void()> work) {
  {
    MutexLock lock(mutex_);
    if (stopping_) return;
    ready_.push_back(std::move(work));
    if (is_running_ || !std::exchange(idle_, false)) return;
  }
  wake_.notify_one();  // not under the lock, which the woken thread wants first
}

void ThreadExecutor::PostOrRun(std::function<void()> work, Help help) {
  {
    MutexLock lock(mutex_);
    if (stopping_) return;
    if (is_running_ || !ready_.empty()) {
      ready_.push_back(std::move(work));
      return;  // whoever runs, or is about to, sees it
    }
    is_running_ = true;
  }
  Work batch;
  batch.push_back(std::move(work));
  bool must_wake = false;
  const int rounds_max = help == Help::kOnce ? 1 : kRoundsOfHelp;
  for (int rounds = 1; !batch.empty(); ++rounds) {
    RunBatch(&batch);
    MutexLock lock(mutex_);
    turn_times_ = times_;
    if (rounds < rounds_max) batch.swap(ready_);
    if (!batch.empty()) continue;
    is_running_ = false;
    must_wake = waits_for_end_ || (idle_ && !ready_.empty());
    if (must_wake) idle_ = false;
  }
  if (must_wake) wake_.notify_one();
}

void ThreadExecutor::PostAfter(int64_t delay_ms, std::function<void()> work) {
  MutexLock lock(mutex_);
  if (stopping_) return;
  const auto at = delayed_.emplace(NowMs() + delay_ms, std::move(work));
  if (at == delayed_.begin()) wake_.notify_one();
}

void ThreadExecutor::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void ThreadExecutor::TakeDue(Work* batch) {
  batch->swap(ready_);
  const auto due = delayed_.upper_bound(NowMs());
  for (auto it = delayed_.begin(); it != due; ++it) batch->push_back(std::move(it->second));
  delayed_.erase(delayed_.begin(), due);
}

ExecutorTurns ThreadExecutor::turn_times() {
  MutexLock lock(mutex_);
  return turn_times_;
}

// What a piece of work holds is released within its turn, because that may also take long.
void ThreadExecutor::RunBatch(Work* batch) {
  static thread_local ProcessorMeter processor;
  auto begun = std::chrono::steady_clock::now();
  for (auto& work : *batch) {
    const ProcessorMeter::Turn turn = processor.Begin(begun);
    work();
    work = nullptr;
    const auto ended = std::chrono::steady_clock::now();
    times_.clock.Add((ended - begun) / std::chrono::nanoseconds(1));
    times_.processor.Add(processor.End(turn, ended));
    begun = ended;
  }
  batch->clear();
}

// Until there is some, and nobody else runs any; nothing if the executor stops.
void ThreadExecutor::WaitForWork(Work* batch) {
  if (!is_running_) TakeDue(batch);
  while (is_running_ || (batch->empty() && !stopping_)) {
    idle_ = true;
    waits_for_end_ = is_running_;
    if (delayed_.empty() || is_running_) {
      wake_.wait(mutex_);
    } else {
      wake_.wait_for(mutex_, std::chrono::milliseconds(delayed_.begin()->first - NowMs()));
    }
    idle_ = false;
    waits_for_end_ = false;
    if (!is_running_) TakeDue(batch);
  }
}

void ThreadExecutor::Run() {
  // jemalloc 5.3 prepares a thread at its first allocation, and crashes if no memory is left. So
  // allocate now: a failure of a later allocation ends the process with a message.
  Work batch;
  batch.reserve(1);
  while (true) {
    {
      MutexLock lock(mutex_);
      WaitForWork(&batch);
      if (batch.empty()) return;
      is_running_ = true;
    }
    RunBatch(&batch);
    MutexLock lock(mutex_);
    turn_times_ = times_;
    is_running_ = false;
  }
}

}  // namespace treadle
