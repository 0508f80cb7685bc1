// RawClient: a blocking socket for tests that must say exactly which bytes go over the wire. One
// thread at a time.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

#include "http/message.h"

namespace treadle::http {

class RawClient {
 public:
  /// Connects to 127.0.0.1. Reads give up, and fail the test, after 20 seconds of silence.
  explicit RawClient(uint16_t port) : RawClient() { Connect(port); }
  RawClient() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    EXPECT_GE(fd_, 0);
    const timeval timeout{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  }
  ~RawClient() { Close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void Connect(uint16_t port) const {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }

  /// False when the server has closed the connection.
  bool Send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  /// One answer, body included; with status 0 when the connection ends before it is whole.
  Response ReadResponse(bool is_head = false) {
    size_t end = 0;
    while ((end = pending_.find("\r\n\r\n")) == std::string::npos) {
      if (!Receive()) return {.status = 0};
    }
    Response response = ParseHead(pending_.substr(0, end + 2));
    pending_.erase(0, end + 4);
    if (is_head || response.status < 200 || response.status == 204) return response;
    const size_t size = std::stoul(HeaderOf(response, "Content-Length"));
    while (pending_.size() < size) {
      if (!Receive()) return {.status = 0};
    }
    response.body = pending_.substr(0, size);
    pending_.erase(0, size);
    return response;
  }

  Response Ask(std::string_view bytes) {
    EXPECT_TRUE(Send(bytes));
    return ReadResponse();
  }
  Response Get(const std::string& target) {
    return Ask("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }

  /// Waits for the end of the connection; true if nothing came before it.
  bool WaitForClose() { return pending_.empty() && !Receive(); }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  /// Closes with a reset, which the server sees as an error.
  void Reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    Close();
  }
  int fd() const { return fd_; }

  /// Empty if there is no such header.
  static std::string HeaderOf(const Response& response, std::string_view name) {
    for (const Header& header : response.headers) {
      if (EqualsIgnoringCase(header.name, name)) return header.value;
    }
    return "";
  }

 private:
  bool Receive() {
    char bytes[65536];
    const ssize_t size = recv(fd_, bytes, sizeof bytes, 0);
    EXPECT_FALSE(size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) << "the server is silent";
    if (size > 0) pending_.append(bytes, static_cast<size_t>(size));
    return size > 0;
  }

  static Response ParseHead(std::string_view head) {
    Response response{.status = std::stoi(std::string(head.substr(9, 3)))};
    head.remove_prefix(head.find("\r\n") + 2);
    while (!head.empty()) {
      const size_t end = head.find("\r\n");
      const size_t colon = head.find(": ");
      response.headers.push_back({std::string(head.substr(0, colon)),
                                  std::string(head.substr(colon + 2, end - colon - 2))});
      head.remove_prefix(end + 2);
    }
    response.content_type = HeaderOf(response, "Content-Type");
    return response;
  }

  int fd_;
  std::string pending_;
};

}  // namespace treadle::http
