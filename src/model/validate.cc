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

namespace {

Status ValidatePayload(const TaskBody& body) {
  if (body.payload.size() > limits::kPayloadBytes)
    return Invalid("payload must have at most " + std::to_string(limits::kPayloadBytes) + " bytes");
  if (body.content_type.size() > limits::kContentTypeBytes || !IsPrintableUtf8(body.content_type))
    return Invalid("content_type must be printable and have at most " +
                   std::to_string(limits::kContentTypeBytes) + " bytes");
  return {};
}

Status ValidatePriority(uint8_t priority) {
  return priority > limits::kPriorityMax ? Invalid("priority must be from 0 to 9") : Status();
}

Status ValidateMaxAttempts(uint16_t attempts) {
  if (attempts >= 1 && attempts <= limits::kAttemptsMax) return {};
  return Invalid("max_attempts must be from 1 to " + std::to_string(limits::kAttemptsMax));
}

Status ValidateRunAt(WallTime time) {
  if (time.ms >= 0 && time.ms <= limits::kWallTimeMaxMs) return {};
  return Invalid("run_at must lie between 1970 and 9999");
}

Status ValidateDelay(int64_t delay_ms) {
  if (delay_ms >= 0 && delay_ms <= limits::kWallTimeMaxMs) return {};
  return Invalid("delay_ms must not be negative, and must end before the year 10000");
}

}  // namespace

Status Validate(const NewTask& task) {
  TREADLE_RETURN_IF_ERROR(ValidateName("queue", task.queue));
  TREADLE_RETURN_IF_ERROR(ValidateName("type", task.type));
  TREADLE_RETURN_IF_ERROR(ValidatePayload(*task.body));
  const std::string& key = task.body->idempotency_key;
  if (key.size() > limits::kIdempotencyKeyBytes || !IsPrintableUtf8(key))
    return Invalid("idempotency_key must be printable and have at most " +
                   std::to_string(limits::kIdempotencyKeyBytes) + " bytes");
  TREADLE_RETURN_IF_ERROR(ValidatePriority(task.priority));
  TREADLE_RETURN_IF_ERROR(ValidateMaxAttempts(task.max_attempts));
  TREADLE_RETURN_IF_ERROR(ValidateRunAt(task.run_at));
  TREADLE_RETURN_IF_ERROR(ValidateDelay(task.delay_ms));
  if (task.run_at.ms != 0 && task.delay_ms != 0)
    return Invalid("give run_at or delay_ms, not both");
  return {};
}

Status Validate(const TaskEdit& edit) {
  if (edit.queue) TREADLE_RETURN_IF_ERROR(ValidateName("queue", *edit.queue));
  if (edit.priority) TREADLE_RETURN_IF_ERROR(ValidatePriority(*edit.priority));
  if (edit.max_attempts) TREADLE_RETURN_IF_ERROR(ValidateMaxAttempts(*edit.max_attempts));
  if (edit.run_at) TREADLE_RETURN_IF_ERROR(ValidateRunAt(*edit.run_at));
  if (edit.delay_ms) TREADLE_RETURN_IF_ERROR(ValidateDelay(*edit.delay_ms));
  if (edit.run_at && edit.delay_ms) return Invalid("give run_at or delay_ms, not both");
  return edit.payload ? ValidatePayload(*edit.payload) : Status();
}

}  // namespace treadle
