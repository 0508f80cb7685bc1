// StopSignal: waiting for SIGTERM or SIGINT, and for the SIGHUP of a reload, as a plain call
// instead of a handler.
#pragma once

#include <csignal>

namespace treadle::app {

/// Make it before any other thread is started: the signals are blocked in this thread and in all
/// that come after.
class StopSignal {
 public:
  enum class Hangup { kReloads, kEnds };  // kEnds: SIGHUP does what it always does

  explicit StopSignal(Hangup hangup);
  /// The signals do again what they did before.
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// Returns the number of the signal once one has come. After SIGHUP it may be called again; after
  /// another, a second one ends the process at once.
  int Wait();

 private:
  sigset_t signals_;
  sigset_t before_;
};

}  // namespace treadle::app
