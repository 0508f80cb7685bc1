// StopSignal: waiting for SIGTERM or SIGINT as a plain call instead of a handler.
#pragma once

#include <csignal>

namespace treadle::app {

/// Make it before any other thread is started: the signals are blocked in this thread and in all
/// that come after.
class StopSignal {
 public:
  StopSignal();
  /// The signals do again what they did before.
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// Returns the number of the signal once one has come. From then on a second one ends the process
  /// at once.
  int Wait();

 private:
  sigset_t signals_;
  sigset_t before_;
};

}  // namespace treadle::app
