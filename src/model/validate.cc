#include "model/validate.h"

#include <algorithm>
#include <string>

#include "base/utf8.h"
#include "model/limits.h"

namespace treadle {
namespace {

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsNameCharacter(char c) { return IsAlphanumeric(c) || c == '_' || c == '-' || c == '.'; }

Status Invalid(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

}  // namespace

bool IsPrintableUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const auto first = static_cast<uint8_t>(text.front());
    if (length == 0 || first < 0x20 || first == 0x7f) return false;
    text.remove_prefix(length);
  }
  return true;
}

Status ValidateName(std::string_view field, std::string_view name) {
  const std::string f(field);
  if (name.empty()) return Invalid(f + " must not be empty");
  if (name.size() > limits::kNameBytes)
    return Invalid(f + " must have at most " + std::to_string(limits::kNameBytes) + " characters");
  if (!IsAlphanumeric(name.front()) || !std::all_of(name.begin(), name.end(), IsNameCharacter))
    return Invalid(
        f + " may hold letters, digits, '_', '-' and '.', and begins with a letter or digit");
  return {};
}

Status Validate(const NewTask& task) {
  TREADLE_RETURN_IF_ERROR(ValidateName("queue", task.queue));
  TREADLE_RETURN_IF_ERROR(ValidateName("type", task.type));
  const TaskBody& body = *task.body;
  if (body.payload.size() > limits::kPayloadBytes)
    return Invalid("payload must have at most " + std::to_string(limits::kPayloadBytes) + " bytes");
  if (body.content_type.size() > limits::kContentTypeBytes || !IsPrintableUtf8(body.content_type))
    return Invalid("content_type must be printable and have at most " +
                   std::to_string(limits::kContentTypeBytes) + " bytes");
  if (body.idempotency_key.size() > limits::kIdempotencyKeyBytes ||
      !IsPrintableUtf8(body.idempotency_key))
    return Invalid("idempotency_key must be printable and have at most " +
                   std::to_string(limits::kIdempotencyKeyBytes) + " bytes");
  if (task.priority > limits::kPriorityMax) return Invalid("priority must be from 0 to 9");
  if (task.max_attempts < 1 || task.max_attempts > limits::kAttemptsMax)
    return Invalid("max_attempts must be from 1 to " + std::to_string(limits::kAttemptsMax));
  if (task.run_at.ms < 0 || task.run_at.ms > limits::kWallTimeMaxMs)
    return Invalid("run_at must lie between 1970 and 9999");
  if (task.delay_ms < 0 || task.delay_ms > limits::kWallTimeMaxMs)
    return Invalid("delay_ms must not be negative, and must end before the year 10000");
  if (task.run_at.ms != 0 && task.delay_ms != 0)
    return Invalid("give run_at or delay_ms, not both");
  return {};
}

}  // namespace treadle
