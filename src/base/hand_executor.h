// Clock and Executor that a unit test moves by hand. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/time.h"

namespace treadle {

class HandClock final : public Clock {
 public:
  WallTime Wall() override { return {now_ms}; }
  int64_t MonotonicMs() override { return now_ms; }
  int64_t now_ms = 100'000;
};

/// Runs posted work only when the test calls RunDue(), in the order of its time.
class HandExecutor final : public Executor {
 public:
  explicit HandExecutor(HandClock* clock) : clock_(clock) {}

  void Post(std::function<void()> work) override { PostAfter(0, std::move(work)); }
  void PostAfter(int64_t delay_ms, std::function<void()> work) override {
    work_.emplace(clock_->now_ms + delay_ms, std::move(work));
  }

  /// What is due, and what that posts. True if there was anything.
  bool RunDue() {
    bool has_run = false;
    for (; !work_.empty() && work_.begin()->first <= clock_->now_ms; has_run = true)
      work_.extract(work_.begin()).mapped()();
    return has_run;
  }
  size_t waiting() const { return work_.size(); }

 private:
  HandClock* const clock_;
  std::multimap<int64_t, std::function<void()>> work_;
};

}  // namespace treadle
