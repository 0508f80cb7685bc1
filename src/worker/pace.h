// Pace: how many leases a worker should hold beyond those that it can run at once, so that short
// tasks follow one another without a wait for the server. One thread at a time.
//
// That is about 20 ms of work at the pace of the last attempts, and nothing for tasks that take
// longer: other workers could have run what waits here. When tasks become slow all of a sudden,
// what waits is stuck behind them: after kPatience it goes back to the server.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace treadle::worker {

class Pace {
 public:
  using Duration = std::chrono::steady_clock::duration;

  /// How long a lease may wait for its turn.
  static constexpr std::chrono::seconds kPatience{1};

  /// An attempt has taken `time`, with a payload of `bytes`.
  void Ended(Duration time, size_t bytes) {
    const double us = std::chrono::duration<double, std::micro>(time).count();
    mean_us_ += (us - mean_us_) / kWeight;
    mean_bytes_ += (static_cast<double>(bytes) - mean_bytes_) / kWeight;
  }
  /// Leases had to go back: for a while, none are held in advance.
  void Stalled() { mean_us_ = kSlowUs; }

  /// How many more than `concurrency`.
  size_t Ahead(size_t concurrency) const {
    if (concurrency >= kLeasesMax) return 0;
    const double by_time = kAheadUs / std::max(mean_us_, 1.0) * static_cast<double>(concurrency);
    const double by_bytes = kAheadBytes / std::max(mean_bytes_, 1.0);
    const auto most = static_cast<double>(kLeasesMax - concurrency);
    return static_cast<size_t>(std::min({by_time, by_bytes, most}));
  }

 private:
  static constexpr double kWeight = 16;
  static constexpr double kAheadUs = 20'000;
  static constexpr double kAheadBytes = 8 << 20;
  static constexpr double kSlowUs = 1'000'000;
  static constexpr size_t kLeasesMax = 1'000;  // that an exchange renews

  double mean_us_ = kSlowUs;
  double mean_bytes_ = 0;
};

}  // namespace treadle::worker
