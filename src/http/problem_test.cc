#include "http/problem.h"

#include <gtest/gtest.h>

namespace treadle::http {
namespace {

TEST(Problem, CarriesTheCodeAndTheSentence) {
  const Response response = ProblemResponse(Status(Code::kNotFound, "no task \"1-42\""));
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(response.body,
            R"({"type":"about:blank","title":"Not Found","status":404,"code":"NOT_FOUND",)"
            R"("detail":"no task \"1-42\""})");
  EXPECT_TRUE(response.headers.empty());
}

TEST(Problem, RetryAfterIsInMillisecondsAndInWholeSecondsRoundedUp) {
  const Response response =
      ProblemResponse(Status(Code::kResourceExhausted, "full").WithRetryAfter(1'001));
  EXPECT_EQ(response.status, 429);
  EXPECT_NE(response.body.find(R"(,"retry_after_ms":1001})"), std::string::npos);
  ASSERT_EQ(response.headers.size(), 1u);
  EXPECT_EQ(response.headers[0].name, "Retry-After");
  EXPECT_EQ(response.headers[0].value, "2");
}

TEST(Problem, AnHttpStatusOfItsOwnKeepsTheCode) {
  const Response response = ProblemResponse(415, Status(Code::kInvalidArgument, "send JSON"));
  EXPECT_EQ(response.status, 415);
  EXPECT_NE(response.body.find(R"("status":415,"code":"INVALID_ARGUMENT")"), std::string::npos);
}

TEST(Problem, EveryFailureHasAnHttpStatus) {
  EXPECT_EQ(HttpStatusOf(Code::kFailedPrecondition), 409);
  EXPECT_EQ(HttpStatusOf(Code::kAborted), 409);
  EXPECT_EQ(HttpStatusOf(Code::kCancelled), 499);
  EXPECT_EQ(HttpStatusOf(Code::kDataLoss), 500);
  for (int code = 1; code <= static_cast<int>(Code::kUnauthenticated); ++code) {
    const int status = HttpStatusOf(static_cast<Code>(code));
    EXPECT_GE(status, 400);
    EXPECT_NE(ReasonPhrase(status), "Unknown");
  }
}

}  // namespace
}  // namespace treadle::http
