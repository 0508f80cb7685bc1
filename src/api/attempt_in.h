// Reads what a running attempt reports, as JSON: POST /v1/attempts/{token}.
#pragma once

#include <optional>
#include <string>

#include "engine/commands.h"
#include "json/reader.h"

namespace treadle::api {

struct AttemptIn {
  AttemptSave save;  // without its token
  std::optional<Progress> progress;
};

/// INVALID_ARGUMENT names the field.
Result<AttemptIn> ReadAttempt(std::string* body);

/// The reader of a field `log`, here and in reports.
Status ReadLogText(JsonValue value, std::optional<LogText>* log);

}  // namespace treadle::api
