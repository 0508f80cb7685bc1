// FakeServer: an HTTP server of a few lines for tests: fixed answers, and a record of what was
// asked. Its thread ends with it.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/hash.h"
#include "base/thread_annotations.h"

namespace treadle {

struct FakeAnswer {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
};

class FakeServer {
 public:
  struct Request {
    std::string line;  // "GET /v1/info"
    std::string body;
  };

  FakeServer();
  ~FakeServer();

  /// What a request with exactly that method and target gets; the last of several answers is
  /// repeated.
  void Answer(const std::string& line, std::vector<FakeAnswer> answers);
  /// Answers what no Answer() is for; else such a request gets 404.
  void AnswerOthers(std::function<FakeAnswer(const Request&)> answer);

  std::string url() const;
  std::vector<Request> requests();

 private:
  void Serve();
  void ServeConnection(int fd);
  FakeAnswer AnswerTo(const Request& request);

  int listener_ = -1;
  int port_ = 0;
  Mutex mutex_;
  std::map<std::string, std::vector<FakeAnswer>> answers_ TREADLE_GUARDED_BY(mutex_);
  std::function<FakeAnswer(const Request&)> others_ TREADLE_GUARDED_BY(mutex_);
  std::vector<Request> requests_ TREADLE_GUARDED_BY(mutex_);
  std::thread thread_;
};

/// One request, or false at the end of the connection.
inline bool ReadFakeRequest(int fd, std::string* buffer, FakeServer::Request* request) {
  const auto more = [&] {
    char piece[4096];
    const ssize_t n = ::recv(fd, piece, sizeof piece, 0);
    if (n > 0) buffer->append(piece, static_cast<size_t>(n));
    return n > 0;
  };
  size_t head = 0;
  while ((head = buffer->find("\r\n\r\n")) == std::string::npos) {
    if (!more()) return false;
  }
  request->line = buffer->substr(0, buffer->find(" HTTP/"));
  size_t length = 0;
  const size_t field = buffer->find("Content-Length: ");
  if (field < head) {
    std::from_chars(buffer->data() + field + 16, buffer->data() + head, length);
  }
  while (buffer->size() < head + 4 + length) {
    if (!more()) return false;
  }
  request->body = buffer->substr(head + 4, length);
  buffer->erase(0, head + 4 + length);
  return true;
}

inline FakeServer::FakeServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  TREADLE_CHECK(::bind(listener_, generic, length) == 0 && ::listen(listener_, 8) == 0);
  TREADLE_CHECK(::getsockname(listener_, generic, &length) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

inline FakeServer::~FakeServer() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

inline void FakeServer::Answer(const std::string& line, std::vector<FakeAnswer> answers) {
  const MutexLock lock(mutex_);
  answers_[line] = std::move(answers);
}

inline void FakeServer::AnswerOthers(std::function<FakeAnswer(const Request&)> answer) {
  const MutexLock lock(mutex_);
  others_ = std::move(answer);
}

inline std::string FakeServer::url() const { return "http://127.0.0.1:" + std::to_string(port_); }

inline std::vector<FakeServer::Request> FakeServer::requests() {
  const MutexLock lock(mutex_);
  return requests_;
}

inline void FakeServer::Serve() {
  while (true) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    ServeConnection(fd);
    ::close(fd);
  }
}

inline void FakeServer::ServeConnection(int fd) {
  std::string buffer;
  Request request;
  while (ReadFakeRequest(fd, &buffer, &request)) {
    const FakeAnswer answer = AnswerTo(request);
    const std::string text =
        "HTTP/1.1 " + std::to_string(answer.status) +
        " Fake\r\nContent-Type: " + answer.content_type +
        "\r\nTreadle-Attempt: 1\r\nTreadle-Sha256: " + ToHex(Sha256Of(answer.body).view()) +
        "\r\nContent-Length: " + std::to_string(answer.body.size()) + "\r\n\r\n" + answer.body;
    if (::send(fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) return;
  }
}

inline FakeAnswer FakeServer::AnswerTo(const Request& request) {
  const MutexLock lock(mutex_);
  requests_.push_back(request);
  const auto found = answers_.find(request.line);
  if (found != answers_.end()) {
    FakeAnswer answer = found->second.front();
    if (found->second.size() > 1) found->second.erase(found->second.begin());
    return answer;
  }
  if (others_) return others_(request);
  return {404, R"({"code":"NOT_FOUND","detail":"no such thing"})", "application/problem+json"};
}

}  // namespace treadle
