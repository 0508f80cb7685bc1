// Schedule: the intended starts of all calls of a measurement: as fast as they return, or at fixed
// times that never wait for a slow server. Every start that lies before the end is used, however
// late.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace treadle::loadgen {

using SteadyClock = std::chrono::steady_clock;

/// This many calls a second, for this long. 0: as fast as they return; then it is the only pace.
struct Pace {
  int64_t rate = 0;
  std::chrono::nanoseconds length{};
};

/// When call number `call` (from 0) is meant to begin, from the begin of the first of `paces`,
/// which have rates and follow one another. Nothing once all are over.
std::optional<std::chrono::nanoseconds> StartOfCall(const std::vector<Pace>& paces, int64_t call);

class Schedule {
 public:
  /// Begins now. `calls_max`: it also ends after this many.
  explicit Schedule(std::vector<Pace> paces, int64_t calls_max = INT64_MAX)
      : paces_(std::move(paces)), calls_max_(calls_max) {}

  SteadyClock::time_point begun() const { return begun_; }

  /// Waits for the next intended start; nothing after the end, or once `stop` is set. Any thread.
  std::optional<SteadyClock::time_point> Next(const std::atomic<bool>& stop);

 private:
  std::optional<SteadyClock::time_point> Intended(int64_t call) const;

  const std::vector<Pace> paces_;
  const int64_t calls_max_;
  const SteadyClock::time_point begun_ = SteadyClock::now();
  std::atomic<int64_t> next_ = 0;
};

}  // namespace treadle::loadgen
