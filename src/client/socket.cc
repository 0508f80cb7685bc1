#include "client/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "base/check.h"

namespace treadle {
namespace {

std::error_code Errno() { return {errno, std::generic_category()}; }

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK; }

// Rounded up: a wait that ends too early would be made again and again.
int PollMsUntil(Socket::TimePoint deadline) {
  using std::chrono::milliseconds;
  const auto left =
      std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 1'000'000'000));
}

}  // namespace

Socket::Socket() : cancel_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  TREADLE_CHECK(cancel_fd_ >= 0);
}

Socket::~Socket() {
  Close();
  close(cancel_fd_);
}

std::error_code Socket::Connect(const addrinfo* addresses, TimePoint deadline) {
  std::error_code error = std::make_error_code(std::errc::address_not_available);
  for (const addrinfo* each = addresses; each != nullptr; each = each->ai_next) {
    Close();
    error = ConnectTo(*each, deadline);
    if (!error || error == std::errc::operation_canceled || error == std::errc::stream_timeout)
      break;
  }
  if (error) Close();
  return error;
}

std::error_code Socket::ConnectTo(const addrinfo& address, TimePoint deadline) {
  fd_ = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd_ < 0) return Errno();
  if (connect(fd_, address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return Errno();
    if (const std::error_code error = WaitFor(POLLOUT, deadline)) return error;
    int failure = 0;
    socklen_t size = sizeof failure;
    if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &failure, &size) != 0) return Errno();
    if (failure != 0) return {failure, std::generic_category()};
  }
  const int on = 1;
  (void)setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return is_cancelled() ? std::make_error_code(std::errc::operation_canceled) : std::error_code();
}

std::error_code Socket::Send(std::span<iovec> parts, TimePoint deadline) {
  while (true) {
    while (!parts.empty() && parts.front().iov_len == 0) parts = parts.subspan(1);
    if (parts.empty()) return {};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t sent = sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && !WouldBlock()) return Errno();
    if (sent < 0) {
      if (const std::error_code error = WaitFor(POLLOUT, deadline)) return error;
      continue;
    }
    auto left = static_cast<size_t>(sent);
    for (iovec& part : parts) {
      const size_t gone = std::min(left, part.iov_len);
      part = {static_cast<char*>(part.iov_base) + gone, part.iov_len - gone};
      left -= gone;
    }
  }
}

std::error_code Socket::Receive(std::span<char> space, bool is_likely_there, TimePoint deadline,
                                size_t* received) {
  while (true) {
    if (!std::exchange(is_likely_there, false)) {
      if (const std::error_code error = WaitFor(POLLIN, deadline)) return error;
    }
    const ssize_t got = recv(fd_, space.data(), space.size(), 0);
    if (got >= 0) {
      *received = static_cast<size_t>(got);
      return {};
    }
    if (errno != EINTR && !WouldBlock()) return Errno();
  }
}

bool Socket::HasNews() const {
  char byte = 0;
  return recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || !WouldBlock();
}

void Socket::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

void Socket::Cancel() {
  cancelled_ = true;
  const uint64_t one = 1;
  (void)!write(cancel_fd_, &one, sizeof one);
}

std::error_code Socket::WaitFor(short events, TimePoint deadline) const {
  pollfd fds[] = {{.fd = cancel_fd_, .events = POLLIN, .revents = 0},
                  {.fd = fd_, .events = events, .revents = 0}};
  while (true) {
    const int ready = poll(fds, 2, PollMsUntil(deadline));
    if (ready < 0 && errno != EINTR) return Errno();
    if (ready == 0) return std::make_error_code(std::errc::stream_timeout);
    if (ready < 0) continue;
    if (fds[0].revents != 0) return std::make_error_code(std::errc::operation_canceled);
    return {};  // or broken, as the next call says
  }
}

Result<Addresses> Resolve(const std::string& host, uint16_t port) {
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int failure = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &list);
  if (failure == EAI_SYSTEM) return Status(Code::kUnavailable, Errno().message());
  if (failure != 0) return Status(Code::kUnavailable, gai_strerror(failure));
  return Addresses(list);
}

}  // namespace treadle
