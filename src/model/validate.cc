#include "model/validate.h"

#include <algorithm>
#include <string>

#include "base/utf8.h"
#include "model/limits.h"
#include "model/queue_policy.h"
#include "model/range.h"

namespace treadle {
namespace {

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsNameCharacter(char c) { return IsAlphanumeric(c) || c == '_' || c == '-' || c == '.'; }

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
  if (name.empty()) return InvalidArgument(f + " must not be empty");
  if (name.size() > limits::kNameBytes)
    return InvalidArgument(f + " must have at most " + std::to_string(limits::kNameBytes) +
                           " characters");
  if (!IsAlphanumeric(name.front()) || !std::all_of(name.begin(), name.end(), IsNameCharacter))
    return InvalidArgument(
        f +
        " may contain letters, digits, '_', '-' and '.', and must begin with a letter or digit");
  return {};
}

namespace {

Status ValidatePayload(const TaskBody& body) {
  if (body.payload.size() > limits::kPayloadBytes)
    return InvalidArgument("payload must have at most " + std::to_string(limits::kPayloadBytes) +
                           " bytes");
  if (body.content_type.size() > limits::kContentTypeBytes || !IsPrintableUtf8(body.content_type))
    return InvalidArgument("content_type must be printable and have at most " +
                           std::to_string(limits::kContentTypeBytes) + " bytes");
  return {};
}

Status ValidatePriority(uint8_t priority) {
  return priority > limits::kPriorityMax ? InvalidArgument("priority must be from 0 to 9")
                                         : Status();
}

Status ValidateMaxAttempts(uint16_t attempts) {
  if (attempts >= 1 && attempts <= limits::kAttemptsMax) return {};
  return InvalidArgument("max_attempts must be from 1 to " + std::to_string(limits::kAttemptsMax));
}

// A moment, and the same as a distance from now: at most one of them.
Status ValidateWhen(const char* at_field, const std::optional<WallTime>& at, const char* in_field,
                    const std::optional<int64_t>& in_ms) {
  if (!at && !in_ms) return {};
  if (at && (at->ms < 0 || at->ms > limits::kWallTimeMaxMs))
    return InvalidArgument(std::string(at_field) + " must be between the years 1970 and 9999");
  if (in_ms && (*in_ms < 0 || *in_ms > limits::kWallTimeMaxMs))
    return InvalidArgument(std::string(in_field) +
                           " must not be negative, and must end before the year 10000");
  if (at && in_ms)
    return InvalidArgument(std::string("give ") + at_field + " or " + in_field + ", not both");
  return {};
}

Status ValidateKeyTerms(const NewTask& task) {
  if (task.body->idempotency_key.empty())
    return InvalidArgument(
        "idempotency_key is missing: unique_while, on_duplicate and idempotency_window_ms need it");
  if (task.unique != Unique::kNo && task.idempotency_window_ms != 0)
    return InvalidArgument("give unique_while or idempotency_window_ms, not both");
  return CheckRanges({{"idempotency_window_ms", task.idempotency_window_ms, 0, kTenYearsMs}});
}

Status ValidateTags(const std::vector<std::string>& tags) {
  if (tags.size() > limits::kTags)
    return InvalidArgument("tags must have at most " + std::to_string(limits::kTags) + " entries");
  for (const std::string& tag : tags)
    if (tag.empty() || tag.size() > limits::kTagBytes || !IsPrintableUtf8(tag))
      return InvalidArgument("tags must be printable and have from 1 to " +
                             std::to_string(limits::kTagBytes) + " bytes each");
  return {};
}

}  // namespace

Status Validate(const NewTask& task) {
  TREADLE_RETURN_IF_ERROR(ValidateName("queue", task.queue));
  TREADLE_RETURN_IF_ERROR(ValidateName("type", task.type));
  const TaskBody& body = *task.body;
  TREADLE_RETURN_IF_ERROR(ValidatePayload(body));
  const std::string& key = body.idempotency_key;
  if (key.size() > limits::kIdempotencyKeyBytes || !IsPrintableUtf8(key))
    return InvalidArgument("idempotency_key must be printable and have at most " +
                           std::to_string(limits::kIdempotencyKeyBytes) + " bytes");
  TREADLE_RETURN_IF_ERROR(ValidatePriority(task.priority));
  if (task.max_attempts != 0) TREADLE_RETURN_IF_ERROR(ValidateMaxAttempts(task.max_attempts));
  TREADLE_RETURN_IF_ERROR(ValidateWhen("run_at", task.run_at, "delay_ms", task.delay_ms));
  TREADLE_RETURN_IF_ERROR(
      ValidateWhen("expires_at", task.expires_at, "expires_ms", task.expires_ms));
  TREADLE_RETURN_IF_ERROR(
      ValidateWhen("deadline_at", task.deadline_at, "deadline_ms", task.deadline_ms));
  TREADLE_RETURN_IF_ERROR(ValidateAttemptTimeout(task.attempt_timeout_ms));
  if (task.retry) TREADLE_RETURN_IF_ERROR(Validate(*task.retry));
  if (task.unique != Unique::kNo || task.idempotency_window_ms != 0 ||
      task.on_duplicate != OnDuplicate::kReturn)
    TREADLE_RETURN_IF_ERROR(ValidateKeyTerms(task));
  return ValidateTags(body.tags);
}

Status Validate(const TaskEdit& edit) {
  if (edit.queue) TREADLE_RETURN_IF_ERROR(ValidateName("queue", *edit.queue));
  if (edit.priority) TREADLE_RETURN_IF_ERROR(ValidatePriority(*edit.priority));
  if (edit.max_attempts) TREADLE_RETURN_IF_ERROR(ValidateMaxAttempts(*edit.max_attempts));
  TREADLE_RETURN_IF_ERROR(ValidateWhen("run_at", edit.run_at, "delay_ms", edit.delay_ms));
  return edit.payload ? ValidatePayload(*edit.payload) : Status();
}

}  // namespace treadle
