// StopSignal: waiting for SIGTERM, SIGINT or SIGHUP as a plain call instead of a handler.
#pragma once

#include <csignal>

namespace treadle::app {

/// Make it before any other thread is started: the signals are blocked in this thread and in all
/// that come after.
class StopSignal {
 public:
  /// What SIGHUP means: to read the configuration again, unless the terminal that the process was
  /// started from has been closed; or always to end. If it is ignored (nohup), it never ends
  /// anything.
  enum class Hangup { kReloads, kEnds };

  struct Signal {
    int number;
    bool reloads;  // else the process is to end
  };

  explicit StopSignal(Hangup hangup);
  /// The signals do again what they did before.
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// Returns once a signal has come. After one that reloads it may be called again; after another,
  /// a second one ends the process at once.
  Signal Wait();
  /// SIGTERM or SIGINT, if it has come and nobody has waited for it yet; else 0. Any thread.
  int Pending() const;

 private:
  bool IsReload(int number) const;

  const Hangup hangup_;
  const bool had_terminal_;
  bool ignores_hangup_ = false;
  sigset_t signals_;
  sigset_t before_;
};

}  // namespace treadle::app
