// ServiceManager: reports the server's state to systemd, by the protocol of sd_notify(3): datagrams
// of "KEY=VALUE" lines to the socket that $NOTIFY_SOCKET names. Where there is none, nothing
// happens.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace treadle::app {

class ServiceManager {
 public:
  /// Reads $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID.
  static ServiceManager FromEnvironment();

  /// "READY=1", "STOPPING=1", "WATCHDOG=1". Any thread; never blocks; what cannot be sent is lost.
  void Tell(std::string_view state) const;
  /// After how long without a "WATCHDOG=1" this process is restarted; 0: never.
  std::chrono::microseconds watchdog() const { return watchdog_; }

 private:
  std::string socket_;  // a path, or '@' and an abstract name; empty: none
  std::chrono::microseconds watchdog_{0};
};

/// Calls `beat` every `period` from a thread of its own, until its end; first at once.
class Heartbeat {
 public:
  Heartbeat(std::chrono::microseconds period, std::function<void()> beat);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace treadle::app
