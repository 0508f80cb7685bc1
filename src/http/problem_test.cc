#include "http/problem.h"

#include <gtest/gtest.h>

#include "http/json_text.h"

namespace treadle::http {
namespace {

std::string Json(std::string_view text) {
  std::string out;
  AppendJsonString(text, &out);
  return out;
}

TEST(JsonText, EscapesWhatJsonForbids) {
  EXPECT_EQ(Json("a\"b\\c\n\r\t\x01\x1f/\x7f"), "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f/\x7f\"");
  EXPECT_EQ(Json(std::string_view("\0", 1)), "\"\\u0000\"");
}

TEST(JsonText, KeepsValidUtf8) {
  const std::string text = "é € 😀 \xed\x9f\xbf \xf4\x8f\xbf\xbf";
  EXPECT_EQ(Json(text), "\"" + text + "\"");
}

TEST(JsonText, ReplacesEachBrokenSequenceByOneMark) {
  const std::string mark = "\xef\xbf\xbd";
  EXPECT_EQ(Json("a\x80z"), "\"a" + mark + "z\"");
  EXPECT_EQ(Json("\xe2\x82"), "\"" + mark + "\"");                               // cut short
  EXPECT_EQ(Json("\xe2\x82z"), "\"" + mark + "z\"");                             // broken off
  EXPECT_EQ(Json("\xc0\xaf"), "\"" + mark + mark + "\"");                        // overlong
  EXPECT_EQ(Json("\xed\xa0\x80"), "\"" + mark + mark + mark + "\"");             // surrogate
  EXPECT_EQ(Json("\xf4\x90\x80\x80"), "\"" + mark + mark + mark + mark + "\"");  // too large
}

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
