#include <algorithm>
#include <string>
#include <string_view>

#include "treadle/client.h"

namespace treadle {
namespace {

// The fields of the API that a message may begin with. Other single words are prose.
constexpr std::string_view kFields =
    " type queue payload payload_base64 content_type payload_sha256 priority contract_version "
    "max_attempts tags expires_at expires_ms deadline_at deadline_ms attempt_timeout_ms retry "
    "run_at delay_ms idempotency_key idempotency_window_ms on_duplicate unique_while sensitive "
    "limit cursor worker state tag key error_code fingerprint text payload_text reason "
    "input_schema output_schema error_codes defaults steps checkpoint progress log edit action "
    "rate tasks traceparent ";

bool IsOfPath(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '[' || c == ']';
}

}  // namespace

std::string FieldOf(const Status& status) {
  if (status.code() != Code::kInvalidArgument) return "";
  const std::string_view message = status.message();
  const std::string_view field = message.substr(0, message.find(' '));
  if (field.empty() || field.size() == message.size() || field[0] < 'a' || field[0] > 'z')
    return "";
  if (!std::all_of(field.begin(), field.end(), IsOfPath) || field.back() == '.') return "";
  const bool is_path = field.find_first_of(".[") != std::string_view::npos;
  const bool is_field = kFields.find(" " + std::string(field) + " ") != std::string_view::npos;
  return is_path || is_field ? std::string(field) : "";
}

}  // namespace treadle
