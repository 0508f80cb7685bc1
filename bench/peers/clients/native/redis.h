// A connection to Redis by hiredis, with commands sent in one write and answers read in order.
#pragma once

#include <hiredis/hiredis.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace peers {

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

class Redis {
 public:
  explicit Redis(int port);

  // Queues a command; nothing is sent before Read() needs an answer. The words are copied.
  void Append(const std::vector<std::string_view>& words);
  // The answer to the oldest command that has none yet; an error of the server ends the program.
  Reply Read();
  // Both at once.
  Reply Call(const std::vector<std::string_view>& words);

 private:
  struct Close {
    void operator()(redisContext* context) const { redisFree(context); }
  };
  std::unique_ptr<redisContext, Close> context_;
};

std::string TextOf(const redisReply& reply);

}  // namespace peers
