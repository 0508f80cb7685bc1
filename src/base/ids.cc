#include "base/ids.h"

#include <charconv>

namespace treadle {
namespace {

// Takes one decimal number of at most `max` and the `end` character behind it (0: the end of the
// text).
std::optional<uint64_t> TakePart(std::string_view* text, uint64_t max, char end) {
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
  const auto shard = TakePart(text, UINT16_MAX, '-');
  if (!shard || *shard == 0) return {};
  const auto sequence = TakePart(text, TaskId::kMaxSequence, end);
  if (!sequence || *sequence == 0) return {};
  return TaskId::Of(static_cast<ShardId>(*shard), *sequence);
}

template <size_t kMax>
void Add(TaskId id, FixedText<kMax>* text) {
  text->AddNumber(id.shard());
  text->Add('-');
  text->AddNumber(id.sequence());
}

}  // namespace

std::optional<TaskId> TaskId::Parse(std::string_view text) { return TakeTask(&text, 0); }

FixedText<21> TaskId::Text() const {
  FixedText<21> text;
  Add(*this, &text);
  return text;
}

std::optional<Token> Token::Parse(std::string_view text) {
  const auto task = TakeTask(&text, '.');
  if (!task) return {};
  const auto attempt = TakePart(&text, UINT32_MAX, '.');
  if (!attempt || *attempt == 0) return {};
  const auto term = TakePart(&text, UINT32_MAX, 0);
  if (!term || *term == 0) return {};
  return Token{*task, static_cast<uint32_t>(*attempt), static_cast<uint32_t>(*term)};
}

FixedText<43> Token::Text() const {
  FixedText<43> text;
  Add(task, &text);
  text.Add('.');
  text.AddNumber(attempt);
  text.Add('.');
  text.AddNumber(term);
  return text;
}

}  // namespace treadle
