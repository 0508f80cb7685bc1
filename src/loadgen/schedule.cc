#include "loadgen/schedule.h"

#include <sys/prctl.h>

#include <algorithm>
#include <thread>

namespace treadle::loadgen {
namespace {

using std::chrono::nanoseconds;

constexpr int64_t kSecondUs = 1'000'000;
constexpr int64_t kSecondNs = 1'000 * kSecondUs;
constexpr auto kPatience = std::chrono::milliseconds(50);  // between two looks at `stop`

// The kernel lets a thread oversleep by 50 µs, so that several may wake at once (prctl(2)). A call
// that began so late would count it for the server's latency.
void SleepOnTime(SteadyClock::time_point until) {
  [[maybe_unused]] thread_local const int is_set = ::prctl(PR_SET_TIMERSLACK, 1);
  std::this_thread::sleep_until(until);
}

nanoseconds StartAt(int64_t rate, int64_t call) { return nanoseconds(call * kSecondNs / rate); }

/// Calls that begin before the pace is over.
int64_t CallsOf(const Pace& pace) {
  const int64_t length_us = pace.length / std::chrono::microseconds(1);
  return (pace.rate * length_us + kSecondUs - 1) / kSecondUs;
}

}  // namespace

std::optional<nanoseconds> StartOfCall(const std::vector<Pace>& paces, int64_t call) {
  nanoseconds begun{};
  for (const Pace& pace : paces) {
    const int64_t calls = CallsOf(pace);
    if (call < calls) return begun + StartAt(pace.rate, call);
    call -= calls;
    begun += pace.length;
  }
  return std::nullopt;
}

std::optional<SteadyClock::time_point> Schedule::Intended(int64_t call) const {
  if (call >= calls_max_) return std::nullopt;
  if (paces_.front().rate == 0) {
    const auto now = SteadyClock::now();
    return now < begun_ + paces_.front().length ? std::optional(now) : std::nullopt;
  }
  const auto start = StartOfCall(paces_, call);
  return start ? std::optional(begun_ + *start) : std::nullopt;
}

std::optional<SteadyClock::time_point> Schedule::Next(const std::atomic<bool>& stop) {
  const auto intended = Intended(next_++);
  if (!intended) return std::nullopt;
  while (!stop && SteadyClock::now() < *intended)
    SleepOnTime(std::min(*intended, SteadyClock::now() + kPatience));
  return stop ? std::nullopt : intended;
}

}  // namespace treadle::loadgen
