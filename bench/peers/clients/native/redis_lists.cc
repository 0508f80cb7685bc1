// Tasks as elements of a list; each consumer moves them to a list of its own, and removes them
// there when they are done. The oldest are at the right end, so LREM looks from there (count -1)
// and finds them at once.
#include "caller.h"
#include "redis.h"

namespace peers {
namespace {

class ListCaller : public Caller {
 public:
  ListCaller(const Settings& settings, int number)
      : redis_(settings.port), own_list_("taken" + std::to_string(number)) {}

  void Enqueue(const Payloads& payloads) override {
    std::vector<std::string_view> words = {"LPUSH", "tasks"};
    words.insert(words.end(), payloads.begin(), payloads.end());
    redis_.Call(words);
  }

  Payloads Exchange(std::size_t want, int wait_ms) override {
    for (const std::string& payload : taken_) redis_.Append({"LREM", own_list_, "-1", payload});
    const std::string wait_s = std::to_string(wait_ms / 1000.0);
    for (std::size_t i = 0; i < want; ++i) {
      if (i == 0 && wait_ms > 0) {
        redis_.Append({"BLMOVE", "tasks", own_list_, "RIGHT", "LEFT", wait_s});
      } else {
        redis_.Append({"LMOVE", "tasks", own_list_, "RIGHT", "LEFT"});
      }
    }
    for (std::size_t i = 0; i < taken_.size(); ++i) redis_.Read();
    taken_.clear();
    for (std::size_t i = 0; i < want; ++i) {
      const Reply reply = redis_.Read();
      if (reply->type == REDIS_REPLY_STRING) taken_.push_back(TextOf(*reply));
    }
    return taken_;
  }

 private:
  Redis redis_;
  std::string own_list_;
  Payloads taken_;
};

}  // namespace

NewCaller RedisLists(const Settings& settings) {
  return [settings](int number) { return std::make_unique<ListCaller>(settings, number); };
}

}  // namespace peers
