#include "tests/fuzz/as_server.h"

#include "api/attempt_in.h"
#include "api/exchange_in.h"
#include "api/task_in.h"
#include "base/check.h"
#include "base/ids.h"

namespace treadle::fuzz {
namespace {

template <class T>
bool IsTaken(const Result<T>& result) {
  if (!result.ok()) TREADLE_CHECK(result.status().code() == Code::kInvalidArgument);
  return result.ok();
}

}  // namespace

std::optional<TaskAsRead> ReadTaskAsServer(std::string body) {
  const auto task = api::ReadTask(&body, {});
  if (!IsTaken(task)) return std::nullopt;
  const bool is_json = task->body->content_type.empty();
  return TaskAsRead{task->type, task->queue, task->body->payload, is_json};
}

std::optional<std::string> ReadStepAsServer(std::string body) {
  const auto attempt = api::ReadAttempt(&body);
  if (!IsTaken(attempt)) return std::nullopt;
  TREADLE_CHECK(attempt->save.saved.steps.size() == 1);
  return attempt->save.saved.steps.begin()->second.bytes;
}

void ReadExchangeAsServer(std::string body) { (void)IsTaken(api::ReadExchange(&body)); }

bool IsToken(const std::string& text) { return Token::Parse(text).has_value(); }

}  // namespace treadle::fuzz
