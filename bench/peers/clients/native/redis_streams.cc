// Tasks as entries of a stream, read by the consumers of one group. XDEL follows XACK, or the
// stream would only grow.
#include "caller.h"
#include "redis.h"

namespace peers {
namespace {

class StreamCaller : public Caller {
 public:
  StreamCaller(const Settings& settings, int number)
      : pipelined_(settings.pipelined),
        redis_(settings.port),
        consumer_("consumer" + std::to_string(number)) {}

  void Enqueue(const Payloads& payloads) override {
    for (const std::string& payload : payloads) {
      redis_.Append({"XADD", "tasks", "*", "payload", payload});
    }
    for (std::size_t i = 0; i < payloads.size(); ++i) redis_.Read();
  }

  Payloads Exchange(std::size_t want, int wait_ms) override {
    Send(Done({"XACK", "tasks", "workers"}), !taken_.empty());
    Send(Done({"XDEL", "tasks"}), !taken_.empty());
    const std::string count = std::to_string(want);
    const std::string block_ms = std::to_string(wait_ms);
    std::vector<std::string_view> read = {"XREADGROUP", "GROUP", "workers",
                                          consumer_,    "COUNT", count};
    if (wait_ms > 0) read.insert(read.end(), {"BLOCK", block_ms});
    read.insert(read.end(), {"STREAMS", "tasks", ">"});
    Send(read, want > 0);
    while (unread_ > 1 || (unread_ == 1 && want == 0)) Receive();
    taken_.clear();
    return want > 0 ? EntriesOf(*Receive()) : Payloads();
  }

 private:
  // A command about all that was taken.
  std::vector<std::string_view> Done(std::vector<std::string_view> words) const {
    words.insert(words.end(), taken_.begin(), taken_.end());
    return words;
  }

  void Send(const std::vector<std::string_view>& words, bool needed) {
    if (!needed) return;
    if (!pipelined_ && unread_ > 0) Receive();
    redis_.Append(words);
    ++unread_;
  }

  Reply Receive() {
    --unread_;
    return redis_.Read();
  }

  // [[stream, [[id, [field, value]], ...]]], or nil when nothing came.
  Payloads EntriesOf(const redisReply& reply) {
    Payloads payloads;
    if (reply.type != REDIS_REPLY_ARRAY) return payloads;
    const redisReply& entries = *reply.element[0]->element[1];
    for (std::size_t i = 0; i < entries.elements; ++i) {
      const redisReply& entry = *entries.element[i];
      taken_.push_back(TextOf(*entry.element[0]));
      payloads.push_back(TextOf(*entry.element[1]->element[1]));
    }
    return payloads;
  }

  bool pipelined_;
  Redis redis_;
  std::string consumer_;
  std::vector<std::string> taken_;  // the ids that the last call gave out
  int unread_ = 0;                  // commands whose answers were not read yet
};

}  // namespace

NewCaller RedisStreams(const Settings& settings) {
  Redis redis(settings.port);
  if (TextOf(*redis.Call({"TYPE", "tasks"})) == "none") {
    redis.Call({"XGROUP", "CREATE", "tasks", "workers", "0", "MKSTREAM"});
  }
  return [settings](int number) { return std::make_unique<StreamCaller>(settings, number); };
}

}  // namespace peers
