#include "base/thread_executor.h"

#include <pthread.h>

#include <chrono>
#include <utility>

#include "base/thread_turns.h"

namespace treadle {
namespace {

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
    if (!std::exchange(idle_, false)) return;
  }
  wake_.notify_one();  // not under the lock, which the woken thread wants first
}

void ThreadExecutor::PostAfter(int64_t delay_ms, std::function<void()> work) {
  MutexLock lock(mutex_);
  if (stopping_) return;
  delayed_.emplace(NowMs() + delay_ms, std::move(work));
  wake_.notify_one();
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

TurnTimes ThreadExecutor::turn_times() {
  MutexLock lock(mutex_);
  return turn_times_;
}

// What a piece of work holds is given up within its turn: that may be much, too.
void ThreadExecutor::RunBatch(Work* batch, TurnTimes* times) {
  auto begun = std::chrono::steady_clock::now();
  for (auto& work : *batch) {
    work();
    work = nullptr;
    const auto ended = std::chrono::steady_clock::now();
    times->Add((ended - begun) / std::chrono::nanoseconds(1));
    begun = ended;
  }
  batch->clear();
}

void ThreadExecutor::Run() {
  Work batch;
  TurnTimes times;
  while (true) {
    {
      MutexLock lock(mutex_);
      turn_times_ = times;
      TakeDue(&batch);
      while (batch.empty() && !stopping_) {
        idle_ = true;
        if (delayed_.empty()) {
          wake_.wait(mutex_);
        } else {
          wake_.wait_for(mutex_, std::chrono::milliseconds(delayed_.begin()->first - NowMs()));
        }
        idle_ = false;
        TakeDue(&batch);
      }
      if (batch.empty()) return;
    }
    RunBatch(&batch, &times);
  }
}

}  // namespace treadle
