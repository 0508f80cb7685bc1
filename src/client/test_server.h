// TestServer: an HTTP server that a test plays by hand, request by request. Only for tests.
//
// Next() hands the test one request after the other, from whatever connection; the test answers it,
// breaks its connection, or lets it hang. One thread at a time, beside the server's own.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace treadle::testing {

struct TestConnection {
  explicit TestConnection(int socket) : fd(socket) {}
  ~TestConnection() { close(fd); }
  TestConnection(const TestConnection&) = delete;
  TestConnection& operator=(const TestConnection&) = delete;
  const int fd;
};

struct TestRequest {
  std::shared_ptr<TestConnection> connection;
  std::string head;  // request line and headers
  std::string body;
};

class TestServer {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// Listens on 127.0.0.1; on a free port if `port` is 0.
  explicit TestServer(uint16_t port = 0) { Start(port); }
  ~TestServer() { Stop(); }

  uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// Until when a test should wait for something that must come.
  static TimePoint Patience() {
    return std::chrono::steady_clock::now() + std::chrono::seconds(20);
  }

  /// The next request; fails the test, and ends the program, if none comes before `deadline`.
  TestRequest Next(TimePoint deadline = Patience()) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_until(lock, deadline, [&] { return !requests_.empty(); })) {
      ADD_FAILURE() << "no request came";
      std::abort();
    }
    TestRequest request = std::move(requests_.front());
    requests_.pop_front();
    return request;
  }

  /// The next request, or nothing once `quit` was asked to stop.
  std::optional<TestRequest> NextUnless(const std::stop_token& quit) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait(lock, quit, [&] { return !requests_.empty(); })) return std::nullopt;
    TestRequest request = std::move(requests_.front());
    requests_.pop_front();
    return request;
  }

  static void Answer(const TestRequest& request, int status, std::string_view body,
                     std::string_view content_type = "application/json") {
    Send(request,
         "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: " + std::string(content_type) +
             "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
  }
  static void Send(const TestRequest& request, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(request.connection->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  static void Break(const TestRequest& request) { shutdown(request.connection->fd, SHUT_RDWR); }

  /// Breaks all connections, forgets what was not taken, and refuses new ones.
  void Stop() {
    if (listener_ < 0) return;
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    close(std::exchange(listener_, -1));
    {
      const std::lock_guard lock(mutex_);
      for (const auto& connection : connections_) shutdown(connection->fd, SHUT_RDWR);
      connections_.clear();
    }
    for (std::thread& reader : readers_) reader.join();
    readers_.clear();
    requests_.clear();
  }
  /// Again on the same port, after Stop().
  void Restart() { Start(port_); }

 private:
  void Start(uint16_t port) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }

  void Accept() {
    while (true) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      auto connection = std::make_shared<TestConnection>(fd);
      const std::lock_guard lock(mutex_);
      connections_.push_back(connection);
      readers_.emplace_back([this, connection] { Read(connection); });
    }
  }

  void Read(const std::shared_ptr<TestConnection>& connection) {
    std::string pending;
    while (true) {
      while (pending.find("\r\n\r\n") == std::string::npos) {
        if (!Receive(*connection, &pending)) return;
      }
      const size_t end = pending.find("\r\n\r\n") + 4;
      TestRequest request{connection, pending.substr(0, end), ""};
      pending.erase(0, end);
      const size_t length = request.head.find("Content-Length: ");
      const size_t size =
          length == std::string::npos ? 0 : std::stoul(request.head.substr(length + 16));
      while (pending.size() < size) {
        if (!Receive(*connection, &pending)) return;
      }
      request.body = pending.substr(0, size);
      pending.erase(0, size);
      const std::lock_guard lock(mutex_);
      requests_.push_back(std::move(request));
      arrived_.notify_one();
    }
  }

  static bool Receive(const TestConnection& connection, std::string* pending) {
    char bytes[65536];
    const ssize_t size = recv(connection.fd, bytes, sizeof bytes, 0);
    if (size > 0) pending->append(bytes, static_cast<size_t>(size));
    return size > 0;
  }

  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread acceptor_;
  std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::deque<TestRequest> requests_;
  std::vector<std::shared_ptr<TestConnection>> connections_;
  std::vector<std::thread> readers_;
};

}  // namespace treadle::testing
