#include "connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

#include "caller.h"

namespace peers {

Connection::Connection(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    Fail("the server does not take a connection");
  }
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

Connection::~Connection() { ::close(socket_); }

void Connection::Write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(socket_, text.data(), text.size());
    if (written <= 0) Fail("the server closed a connection");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string Connection::ReadLine() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n", at_)) == std::string::npos) ReadMore();
  std::string line = buffer_.substr(at_, end - at_);
  at_ = end + 2;
  return line;
}

std::string Connection::Read(std::size_t bytes) {
  while (buffer_.size() - at_ < bytes) ReadMore();
  std::string text = buffer_.substr(at_, bytes);
  at_ += bytes;
  return text;
}

bool Connection::Readable(int wait_ms) {
  pollfd waiting{.fd = socket_, .events = POLLIN, .revents = 0};
  return at_ < buffer_.size() || ::poll(&waiting, 1, wait_ms) > 0;
}

void Connection::ReadMore() {
  buffer_.erase(0, at_);
  at_ = 0;
  char bytes[65536];
  const ssize_t got = ::read(socket_, bytes, sizeof(bytes));
  if (got <= 0) Fail("the server closed a connection");
  buffer_.append(bytes, static_cast<std::size_t>(got));
}

}  // namespace peers
