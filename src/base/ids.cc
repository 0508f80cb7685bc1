#include "base/ids.h"

#include <charconv>

namespace treadle {
namespace {

// Takes one decimal number of at most `max` and the `end` character behind it (0: the end of the
// text).
std::optional<uint64_t> TakeNumber(std::string_view* text, uint64_t max, char end) {
  uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  const auto digits = static_cast<size_t>(stop - text->data());
  if (error != std::errc() || value > max || (digits > 1 && text->front() == '0')) return {};
  text->remove_prefix(digits);
  if (end == 0) return text->empty() ? std::optional(value) : std::nullopt;
  if (text->empty() || text->front() != end) return {};
  text->remove_prefix(1);
  return value;
}

std::optional<TaskId> TakeTask(std::string_view* text, char end) {
  const auto shard = TakeNumber(text, UINT16_MAX, '-');
  if (!shard || *shard == 0) return {};
  const auto sequence = TakeNumber(text, TaskId::kMaxSequence, end);
  if (!sequence || *sequence == 0) return {};
  return TaskId::Of(static_cast<ShardId>(*shard), *sequence);
}

}  // namespace

std::optional<TaskId> TaskId::Parse(std::string_view text) { return TakeTask(&text, 0); }

std::string TaskId::ToString() const {
  return std::to_string(shard()) + "-" + std::to_string(sequence());
}

std::optional<Token> Token::Parse(std::string_view text) {
  const auto task = TakeTask(&text, '.');
  if (!task) return {};
  const auto attempt = TakeNumber(&text, UINT32_MAX, '.');
  if (!attempt || *attempt == 0) return {};
  const auto term = TakeNumber(&text, UINT32_MAX, 0);
  if (!term || *term == 0) return {};
  return Token{*task, static_cast<uint32_t>(*attempt), static_cast<uint32_t>(*term)};
}

std::string Token::ToString() const {
  return task.ToString() + "." + std::to_string(attempt) + "." + std::to_string(term);
}

}  // namespace treadle
