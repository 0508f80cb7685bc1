#include "sim/scheduler.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

namespace treadle::sim {

void SimExecutor::Post(std::function<void()> work) {
  if (!dead_) ready_.push_back(std::move(work));
}

void SimExecutor::PostAfter(int64_t delay_ms, std::function<void()> work) {
  if (dead_) return;
  scheduler_->delayed_.emplace(scheduler_->now_ms_ + delay_ms,
                               Scheduler::Delayed{this, std::move(work)});
}

void SimExecutor::Die() {
  dead_ = true;
  ready_.clear();
  std::erase(scheduler_->alive_, this);  // each restart makes four executors
}

void SimExecutor::StallFor(int64_t ms) {
  stalled_until_ms_ = std::max(stalled_until_ms_, scheduler_->now_ms_ + ms);
  // Something must be due when the stall ends, or time would not advance to that moment.
  scheduler_->delayed_.emplace(stalled_until_ms_, Scheduler::Delayed{this, [] {}});
}

void Scheduler::StepWall(int64_t by_ms) {
  latest_wall_ = LatestWall();
  wall_forward_ms_ += std::max<int64_t>(by_ms, 0);
  wall_offset_ms_ += by_ms;
  Tell([&] { return "the wall clock is set by " + std::to_string(by_ms) + " ms"; });
}

SimExecutor* Scheduler::MakeExecutor() {
  executors_.push_back(
      std::make_unique<SimExecutor>(this, static_cast<uint32_t>(executors_.size())));
  alive_.push_back(executors_.back().get());
  return alive_.back();
}

bool Scheduler::Step() {
  runnable_.clear();
  for (SimExecutor* const executor : alive_)
    if (!executor->ready_.empty() && executor->stalled_until_ms_ <= now_ms_)
      runnable_.push_back(executor);
  if (!runnable_.empty()) {
    SimExecutor* executor = runnable_[random.Below(runnable_.size())];
    const auto work = std::move(executor->ready_.front());
    executor->ready_.pop_front();
    ++steps_;
    Fold("run", executor->number_, static_cast<uint64_t>(now_ms_));
    if (before_work) before_work(executor);
    work();
    return true;
  }
  if (delayed_.empty()) return false;
  const auto next = delayed_.begin();
  now_ms_ = std::max(now_ms_, next->first);
  next->second.executor->Post(std::move(next->second.work));
  delayed_.erase(next);
  return true;
}

void Scheduler::Fold(std::string_view what, uint64_t a, uint64_t b) {
  trace_ = Mix64(trace_ ^ Xxh3(what) ^ Mix64(a) ^ (Mix64(b) << 1));
}

void Scheduler::Print(const std::string& line) const {
  std::fprintf(stderr, "%8lld ms  %s\n", static_cast<long long>(now_ms_), line.c_str());
}

}  // namespace treadle::sim
