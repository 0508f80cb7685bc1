// Other treadle processes, started from this program's own file, and the signals that end them. One
// thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace treadle {

/// A child in a process group of its own, so that Ctrl-C reaches only the parent, which then stops
/// its children in the right order. It gets a signal to stop if the parent dies. Its standard
/// output goes to our standard error.
class Sibling {
 public:
  Sibling() = default;
  Sibling(Sibling&& other) noexcept;
  Sibling& operator=(Sibling&& other) noexcept;
  /// Stop().
  ~Sibling();

  /// Runs `treadle WORDS…`. UNAVAILABLE if there is no process to be had.
  static Result<Sibling> Start(const std::vector<std::string>& words);

  /// How it ended ("exit status 1", "signal 9"); nothing while it runs.
  std::optional<std::string> Ended();
  /// SIGTERM, and after `grace_ms` SIGKILL. Returns when it has ended; at once if it has, or never
  /// was.
  void Stop(int64_t grace_ms = 30'000);
  /// SIGKILL; returns when it has ended.
  void Kill();
  /// 0 if it does not run.
  pid_t pid() const { return pid_; }

 private:
  explicit Sibling(pid_t pid) : pid_(pid) {}

  pid_t pid_ = 0;  // 0: none, or its end was seen
  std::string end_;
};

/// From its construction to its end, SIGINT and SIGTERM are noted instead of ending the process. At
/// most one at a time.
class SignalWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  bool interrupted() const;
};

/// The address to use: `address` itself, or with a free port if its port is 0. FAILED_PRECONDITION:
/// somebody listens there; INVALID_ARGUMENT: it is no address of this machine.
Result<std::string> ProbeListen(const std::string& address);

}  // namespace treadle
