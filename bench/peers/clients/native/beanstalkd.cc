// beanstalkd's protocol over a bare socket: put, reserve-with-timeout, delete; many of them in one
// write.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

#include "caller.h"

namespace peers {
namespace {

constexpr std::string_view kPriorityDelayTtr = "0 0 120 ";

class Lines {
 public:
  explicit Lines(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      Fail("beanstalkd does not take a connection");
    }
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  ~Lines() { ::close(socket_); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  void Write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(socket_, text.data(), text.size());
      if (written <= 0) Fail("beanstalkd closed a connection");
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  // Up to the next line end, without it.
  std::string ReadLine() {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n", at_)) == std::string::npos) ReadMore();
    std::string line = buffer_.substr(at_, end - at_);
    at_ = end + 2;
    return line;
  }

  std::string ReadBody(std::size_t size) {
    while (buffer_.size() - at_ < size + 2) ReadMore();
    std::string body = buffer_.substr(at_, size);
    at_ += size + 2;
    return body;
  }

 private:
  void ReadMore() {
    buffer_.erase(0, at_);
    at_ = 0;
    char bytes[65536];
    const ssize_t got = ::read(socket_, bytes, sizeof(bytes));
    if (got <= 0) Fail("beanstalkd closed a connection");
    buffer_.append(bytes, static_cast<std::size_t>(got));
  }

  int socket_;
  std::string buffer_;
  std::size_t at_ = 0;  // what stands before it in the buffer has been read
};

class TubeCaller : public Caller {
 public:
  explicit TubeCaller(const Settings& settings) : lines_(settings.port) {}

  void Enqueue(const Payloads& payloads) override {
    std::string text;
    for (const std::string& payload : payloads) {
      text.append("put ").append(kPriorityDelayTtr).append(std::to_string(payload.size()));
      text.append("\r\n").append(payload).append("\r\n");
    }
    lines_.Write(text);
    for (std::size_t i = 0; i < payloads.size(); ++i) Expect("INSERTED ");
  }

  Payloads Exchange(std::size_t want, int wait_ms) override {
    std::string text;
    for (const std::string& id : taken_) text.append("delete ").append(id).append("\r\n");
    for (std::size_t i = 0; i < want; ++i) {
      const bool waits = i == 0 && wait_ms > 0;  // whole seconds are all that it knows
      text.append(waits ? "reserve-with-timeout 1\r\n" : "reserve-with-timeout 0\r\n");
    }
    lines_.Write(text);
    for (std::size_t i = 0; i < taken_.size(); ++i) Expect("DELETED");
    taken_.clear();
    Payloads payloads;
    for (std::size_t i = 0; i < want; ++i) Receive(payloads);
    return payloads;
  }

 private:
  void Expect(std::string_view word) {
    const std::string line = lines_.ReadLine();
    if (!line.starts_with(word)) Fail("beanstalkd answered " + line);
  }

  // "RESERVED id bytes", then the bytes; or that there is none.
  void Receive(Payloads& payloads) {
    const std::string line = lines_.ReadLine();
    if (line == "TIMED_OUT") return;
    if (!line.starts_with("RESERVED ")) Fail("beanstalkd answered " + line);
    const std::size_t space = line.find(' ', 9);
    taken_.push_back(line.substr(9, space - 9));
    payloads.push_back(lines_.ReadBody(std::stoul(line.substr(space + 1))));
  }

  Lines lines_;
  std::vector<std::string> taken_;  // the ids that the last call gave out
};

}  // namespace

NewCaller Beanstalkd(const Settings& settings) {
  return [settings](int) { return std::make_unique<TubeCaller>(settings); };
}

}  // namespace peers
