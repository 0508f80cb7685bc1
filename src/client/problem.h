// From an answer of 400 and above to a Status. Pure; any thread.
#pragma once

#include <string_view>

#include "base/status.h"

namespace treadle {

/// The code, detail and retry_after_ms of an application/problem+json body. Where there is none (a
/// proxy's page, say), the code that fits `http_status`.
Status StatusFromProblem(int http_status, std::string_view body);

}  // namespace treadle
