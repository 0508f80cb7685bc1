// The body of FakeServer; its name keeps it out of the library.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>

#include "base/check.h"
#include "base/hash.h"
#include "cli/fake_server.h"

namespace treadle::cli {
namespace {

/// One request, or false at the end of the connection.
bool ReadRequest(int fd, std::string* buffer, FakeServer::Request* request) {
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

}  // namespace

FakeServer::FakeServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
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

FakeServer::~FakeServer() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

void FakeServer::Answer(const std::string& line, std::vector<FakeAnswer> answers) {
  const MutexLock lock(mutex_);
  answers_[line] = std::move(answers);
}

void FakeServer::AnswerOthers(std::function<FakeAnswer(const Request&)> answer) {
  const MutexLock lock(mutex_);
  others_ = std::move(answer);
}

std::string FakeServer::url() const { return "http://127.0.0.1:" + std::to_string(port_); }

std::vector<FakeServer::Request> FakeServer::requests() {
  const MutexLock lock(mutex_);
  return requests_;
}

void FakeServer::Serve() {
  while (true) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    ServeConnection(fd);
    ::close(fd);
  }
}

void FakeServer::ServeConnection(int fd) {
  std::string buffer;
  Request request;
  while (ReadRequest(fd, &buffer, &request)) {
    const FakeAnswer answer = AnswerTo(request);
    const std::string text =
        "HTTP/1.1 " + std::to_string(answer.status) +
        " Fake\r\nContent-Type: " + answer.content_type +
        "\r\nTreadle-Attempt: 1\r\nTreadle-Sha256: " + ToHex(Sha256Of(answer.body).view()) +
        "\r\nContent-Length: " + std::to_string(answer.body.size()) + "\r\n\r\n" + answer.body;
    if (::send(fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) return;
  }
}

FakeAnswer FakeServer::AnswerTo(const Request& request) {
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

}  // namespace treadle::cli
