// gearmand's binary protocol over a bare socket: background jobs; a worker that grabs and completes
// them, many of them in one write. WORK_COMPLETE has no answer; that to whatever follows it says
// that the server has read it.
#include <arpa/inet.h>

#include <cstdint>

#include "caller.h"
#include "connection.h"

namespace peers {
namespace {

using std::string_view_literals::operator""sv;

enum class Kind : std::uint32_t {
  kCanDo = 1,
  kPreSleep = 4,
  kNoop = 6,
  kJobCreated = 8,
  kGrabJob = 9,
  kNoJob = 10,
  kJobAssign = 11,
  kWorkComplete = 13,
  kEchoRequest = 16,
  kEchoResponse = 17,
  kSubmitJobBackground = 18,
};

struct Packet {
  Kind kind;
  std::string body;
};

void AppendNumber(std::string& text, std::uint32_t number) {
  const std::uint32_t big = htonl(number);
  text.append(reinterpret_cast<const char*>(&big), sizeof(big));
}

std::uint32_t NumberIn(const std::string& text, std::size_t at) {
  std::uint32_t big = 0;
  text.copy(reinterpret_cast<char*>(&big), sizeof(big), at);
  return ntohl(big);
}

void AppendPacket(std::string& text, Kind kind, std::string_view body) {
  text.append("\0REQ"sv);
  AppendNumber(text, static_cast<std::uint32_t>(kind));
  AppendNumber(text, static_cast<std::uint32_t>(body.size()));
  text.append(body);
}

class JobCaller : public Caller {
 public:
  explicit JobCaller(const Settings& settings) : connection_(settings.port) {}

  void Enqueue(const Payloads& payloads) override {
    std::string text;
    for (const std::string& payload : payloads) {
      AppendPacket(text, Kind::kSubmitJobBackground, std::string("task\0\0"sv).append(payload));
    }
    connection_.Write(text);
    for (std::size_t i = 0; i < payloads.size(); ++i) {
      if (Receive().kind != Kind::kJobCreated) Fail("gearmand did not take a job");
    }
  }

  Payloads Exchange(std::size_t want, int wait_ms) override {
    std::string text;
    if (!is_worker_) AppendPacket(text, Kind::kCanDo, "task");
    is_worker_ = true;
    for (const std::string& handle : taken_) AppendPacket(text, Kind::kWorkComplete, handle + '\0');
    taken_.clear();
    if (want == 0) AppendPacket(text, Kind::kEchoRequest, "");
    connection_.Write(text);
    if (want == 0) {
      Receive();
      return {};
    }
    Payloads payloads = Grab(want);
    if (payloads.empty() && wait_ms > 0 && IsWoken(wait_ms)) payloads = Grab(want);
    return payloads;
  }

 private:
  Payloads Grab(std::size_t want) {
    std::string text;
    for (std::size_t i = 0; i < want; ++i) AppendPacket(text, Kind::kGrabJob, "");
    connection_.Write(text);
    Payloads payloads;
    for (std::size_t i = 0; i < want; ++i) {
      const Packet packet = Receive();
      if (packet.kind == Kind::kNoJob) continue;
      const std::size_t handle_end = packet.body.find('\0');  // handle, function, payload
      const std::size_t function_end = packet.body.find('\0', handle_end + 1);
      taken_.push_back(packet.body.substr(0, handle_end));
      payloads.push_back(packet.body.substr(function_end + 1));
    }
    return payloads;
  }

  // Whether a job came in time. One that comes later finds this caller in its next Grab.
  bool IsWoken(int wait_ms) {
    std::string text;
    AppendPacket(text, Kind::kPreSleep, "");
    connection_.Write(text);
    return connection_.Readable(wait_ms);
  }

  // The next packet that is no alarm.
  Packet Receive() {
    while (true) {
      const std::string head = connection_.Read(12);  // magic, kind, size
      Packet packet{static_cast<Kind>(NumberIn(head, 4)), connection_.Read(NumberIn(head, 8))};
      if (packet.kind != Kind::kNoop) return packet;
    }
  }

  Connection connection_;
  bool is_worker_ = false;
  std::vector<std::string> taken_;  // the handles that the last call gave out
};

}  // namespace

NewCaller Gearmand(const Settings& settings) {
  return [settings](int) { return std::make_unique<JobCaller>(settings); };
}

}  // namespace peers
