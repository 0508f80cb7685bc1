#include "http/problem.h"

#include "base/check.h"
#include "json/text.h"

namespace treadle::http {

int HttpStatusOf(Code code) {
  switch (code) {
    case Code::kOk:
      break;
    case Code::kInvalidArgument:
    case Code::kOutOfRange:
      return 400;
    case Code::kUnauthenticated:
      return 401;
    case Code::kPermissionDenied:
      return 403;
    case Code::kNotFound:
      return 404;
    case Code::kAlreadyExists:
    case Code::kAborted:
    case Code::kFailedPrecondition:
    case Code::kLeaseLost:
      return 409;
    case Code::kResourceExhausted:
      return 429;
    case Code::kCancelled:
      return 499;
    case Code::kUnimplemented:
      return 501;
    case Code::kUnavailable:
      return 503;
    case Code::kDeadlineExceeded:
      return 504;
    case Code::kUnknown:
    case Code::kInternal:
    case Code::kDataLoss:
      return 500;
  }
  TREADLE_CHECK(code != Code::kOk);
  return 500;
}

Response ProblemResponse(const Status& status) {
  return ProblemResponse(HttpStatusOf(status.code()), status);
}

Response ProblemResponse(int http_status, const Status& status) {
  TREADLE_CHECK(!status.ok());
  Response response{.status = http_status, .content_type = "application/problem+json"};
  std::string& body = response.body;
  body = R"({"type":"about:blank","title":)";
  AppendJsonString(ReasonPhrase(http_status), &body);
  body.append(R"(,"status":)").append(std::to_string(http_status));
  body.append(R"(,"code":)");
  AppendJsonString(CodeName(status.code()), &body);
  body.append(R"(,"detail":)");
  AppendJsonString(status.message(), &body);
  if (const int64_t ms = status.retry_after_ms(); ms > 0) {
    body.append(R"(,"retry_after_ms":)").append(std::to_string(ms));
    const int64_t seconds = ms / 1000 + (ms % 1000 != 0 ? 1 : 0);
    response.headers.push_back({"Retry-After", std::to_string(seconds)});
  }
  body.push_back('}');
  return response;
}

}  // namespace treadle::http
