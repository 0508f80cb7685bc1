// Socket: a TCP connection whose every wait ends with a deadline or with Cancel().
//
// Calls block, and make no system call that they can do without: clients of a queue wait for many
// small answers. Errors are those of the operating system, but for
//   std::errc::stream_timeout      the deadline came first
//   std::errc::operation_canceled  Cancel() was called
// One thread at a time, except Cancel(), which any thread may call.
#pragma once

#include <netdb.h>
#include <sys/uio.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <system_error>

#include "base/status.h"

namespace treadle {

class Socket {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  Socket();
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  /// Connects to the first of `addresses` that answers.
  std::error_code Connect(const addrinfo* addresses, TimePoint deadline);
  /// Sends all of `parts`, which it changes.
  std::error_code Send(std::span<iovec> parts, TimePoint deadline);
  /// Waits for bytes and puts as many of them into `space` as there are; 0: the peer has closed.
  /// Does not wait before it looks if `is_likely_there`.
  std::error_code Receive(std::span<char> space, bool is_likely_there, TimePoint deadline,
                          size_t* received);
  /// Whether the peer has closed, or has sent something. Does not wait.
  bool HasNews() const;

  bool is_open() const { return fd_ >= 0; }
  void Close();
  /// Ends the current operation and all later ones.
  void Cancel();
  bool is_cancelled() const { return cancelled_; }

  /// For who speaks something else on it than bytes: waits until it can be read (POLLIN) or written
  /// (POLLOUT), or is broken.
  std::error_code WaitFor(short events, TimePoint deadline) const;
  int fd() const { return fd_; }

 private:
  std::error_code ConnectTo(const addrinfo& address, TimePoint deadline);

  int fd_ = -1;
  std::atomic<bool> cancelled_ = false;
  int cancel_fd_;  // readable from then on
};

/// The addresses of a host, whose name may have to be looked up, which nothing cuts short.
/// UNAVAILABLE has the reason why there are none.
struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;
Result<Addresses> Resolve(const std::string& host, uint16_t port);

}  // namespace treadle
