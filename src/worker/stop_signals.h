// StopSignals: the signals that ask a program to end in good order, for as long as one lives:
// SIGINT, SIGTERM, and the SIGHUP of a terminal that is closed, unless that is ignored (nohup). One
// at a time, in the thread that makes it.
#pragma once

#include <array>
#include <csignal>

namespace treadle::worker {

class StopSignals {
 public:
  /// `handler` is called in any thread; only what is async-signal-safe may be done in it.
  explicit StopSignals(void (*handler)(int));
  /// The signals do again what they did before.
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> before_{};
};

}  // namespace treadle::worker
