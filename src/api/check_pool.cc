#include "api/check_pool.h"

#include <pthread.h>
#include <sys/resource.h>

#include <chrono>
#include <utility>

namespace treadle::api {
namespace {

constexpr int kNice = 5;
constexpr int64_t kRetryMs = 1'000;

int64_t NowMs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

Status Refusal(bool stopping) {
  if (stopping) return {Code::kUnavailable, "the server is stopping"};
  return Status(Code::kUnavailable,
                "too many payloads and results are waiting to be checked against their contracts; "
                "try again later")
      .WithRetryAfter(kRetryMs);
}

}  // namespace

void CheckPool::Post(Work work) {
  bool stopping = false;
  {
    MutexLock lock(mutex_);
    stopping = stopping_;
    if (!stopping && waiting_.size() < options_.waiting_max) {
      waiting_.push_back({std::move(work), NowMs()});
      while (threads_.size() < static_cast<size_t>(options_.threads))
        threads_.emplace_back([this] { Run(); });
      wake_.notify_one();
      return;
    }
  }
  work(Refusal(stopping));
}

void CheckPool::Run() {
  pthread_setname_np(pthread_self(), "check");
  setpriority(PRIO_PROCESS, 0, kNice);  // only of this thread, on Linux
  while (true) {
    Waiting next;
    {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !stopping_) wake_.wait(mutex_);
      if (stopping_) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    next.work(NowMs() - next.since_ms <= options_.wait_ms_max ? Status() : Refusal(false));
  }
}

void CheckPool::Stop() {
  std::deque<Waiting> left;
  std::vector<std::thread> threads;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    left.swap(waiting_);
    threads.swap(threads_);
    wake_.notify_all();
  }
  for (std::thread& thread : threads) thread.join();
  for (Waiting& each : left) each.work(Refusal(true));
}

}  // namespace treadle::api
