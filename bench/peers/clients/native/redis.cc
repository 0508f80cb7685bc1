#include "redis.h"

#include "caller.h"

namespace peers {

Redis::Redis(int port) : context_(redisConnect("127.0.0.1", port)) {
  if (context_ == nullptr || context_->err != 0) Fail("Redis does not take a connection");
}

void Redis::Append(const std::vector<std::string_view>& words) {
  std::vector<const char*> starts;
  std::vector<std::size_t> lengths;
  for (const std::string_view word : words) {
    starts.push_back(word.data());
    lengths.push_back(word.size());
  }
  if (redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), starts.data(),
                             lengths.data()) != REDIS_OK) {
    Fail(context_->errstr);
  }
}

Reply Redis::Read() {
  void* answer = nullptr;
  if (redisGetReply(context_.get(), &answer) != REDIS_OK) Fail(context_->errstr);
  Reply reply(static_cast<redisReply*>(answer));
  if (reply->type == REDIS_REPLY_ERROR) Fail(TextOf(*reply));
  return reply;
}

Reply Redis::Call(const std::vector<std::string_view>& words) {
  Append(words);
  return Read();
}

std::string TextOf(const redisReply& reply) { return {reply.str, reply.len}; }

}  // namespace peers
