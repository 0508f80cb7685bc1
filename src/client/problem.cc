#include "client/problem.h"

#include <simdjson.h>

#include <string>

namespace treadle {
namespace {

Code CodeOf(int http_status) {
  switch (http_status) {
    case 400:
    case 413:  // a proxy's bound, perhaps: the same would be refused again
      return Code::kInvalidArgument;
    case 401:
      return Code::kUnauthenticated;
    case 403:
      return Code::kPermissionDenied;
    case 404:
      return Code::kNotFound;
    case 409:
      return Code::kAborted;
    case 429:
      return Code::kResourceExhausted;
    case 405:
    case 501:
      return Code::kUnimplemented;
    case 408:
    case 502:
    case 503:
    case 504:
      return Code::kUnavailable;
    default:
      return http_status >= 500 ? Code::kInternal : Code::kUnknown;
  }
}

}  // namespace

Status StatusFromProblem(int http_status, std::string_view body) {
  Code code = CodeOf(http_status);
  std::string message =
      "the server returned HTTP " + std::to_string(http_status) +
      " without a reason; is it a Treadle server? Check the address and any proxy in between";
  int64_t retry_after_ms = 0;

  simdjson::dom::parser parser;
  simdjson::dom::object problem;
  if (parser.parse(body.data(), body.size()).get(problem) == simdjson::SUCCESS) {
    std::string_view text;
    if (problem["code"].get(text) == simdjson::SUCCESS) {
      const std::optional<Code> named = CodeFromName(text);
      if (named && *named != Code::kOk) code = *named;
    }
    if (problem["detail"].get(text) == simdjson::SUCCESS && !text.empty()) message = text;
    if (problem["retry_after_ms"].get(retry_after_ms) != simdjson::SUCCESS || retry_after_ms < 0)
      retry_after_ms = 0;
  }
  return Status(code, std::move(message)).WithRetryAfter(retry_after_ms);
}

}  // namespace treadle
