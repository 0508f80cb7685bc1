// How a failure looks on the wire: application/problem+json (RFC 9457) with a stable `code`. Pure;
// any thread.
//
//   {"type":"about:blank","title":"Bad
//   Request","status":400,"code":"INVALID_ARGUMENT","detail":"…"}
//
// `code` is the canonical name of the status and what clients branch on; `detail` is the status's
// sentence, for people. `retry_after_ms`, in milliseconds, is last and only present when the status
// has it; the Retry-After header has the same in whole seconds, rounded up.
#pragma once

#include "base/status.h"
#include "http/message.h"

namespace treadle::http {

/// The HTTP status that goes with a code that is not kOk.
int HttpStatusOf(Code code);

/// `status` must be a failure.
Response ProblemResponse(const Status& status);

/// The same with an HTTP status more precise than the code: 405, 408, 413, 415, 431.
Response ProblemResponse(int http_status, const Status& status);

}  // namespace treadle::http
