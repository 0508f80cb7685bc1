// beanstalkd's protocol over a bare socket: put, reserve-with-timeout, delete; many of them in one
// write.
#include "caller.h"
#include "connection.h"

namespace peers {
namespace {

constexpr std::string_view kPriorityDelayTtr = "0 0 120 ";

class TubeCaller : public Caller {
 public:
  explicit TubeCaller(const Settings& settings) : connection_(settings.port) {}

  void Enqueue(const Payloads& payloads) override {
    std::string text;
    for (const std::string& payload : payloads) {
      text.append("put ").append(kPriorityDelayTtr).append(std::to_string(payload.size()));
      text.append("\r\n").append(payload).append("\r\n");
    }
    connection_.Write(text);
    for (std::size_t i = 0; i < payloads.size(); ++i) Expect("INSERTED ");
  }

  Payloads Exchange(std::size_t want, int wait_ms) override {
    std::string text;
    for (const std::string& id : taken_) text.append("delete ").append(id).append("\r\n");
    for (std::size_t i = 0; i < want; ++i) {
      const bool waits = i == 0 && wait_ms > 0;  // whole seconds are all that it knows
      text.append(waits ? "reserve-with-timeout 1\r\n" : "reserve-with-timeout 0\r\n");
    }
    connection_.Write(text);
    for (std::size_t i = 0; i < taken_.size(); ++i) Expect("DELETED");
    taken_.clear();
    Payloads payloads;
    for (std::size_t i = 0; i < want; ++i) Receive(payloads);
    return payloads;
  }

 private:
  void Expect(std::string_view word) {
    const std::string line = connection_.ReadLine();
    if (!line.starts_with(word)) Fail("beanstalkd answered " + line);
  }

  // "RESERVED id bytes", then the bytes; or that there is none.
  void Receive(Payloads& payloads) {
    const std::string line = connection_.ReadLine();
    if (line == "TIMED_OUT") return;
    if (!line.starts_with("RESERVED ")) Fail("beanstalkd answered " + line);
    const std::size_t space = line.find(' ', 9);
    taken_.push_back(line.substr(9, space - 9));
    payloads.push_back(connection_.Read(std::stoul(line.substr(space + 1))));
    connection_.ReadLine();  // the line end behind the payload
  }

  Connection connection_;
  std::vector<std::string> taken_;  // the ids that the last call gave out
};

}  // namespace

NewCaller Beanstalkd(const Settings& settings) {
  return [settings](int) { return std::make_unique<TubeCaller>(settings); };
}

}  // namespace peers
