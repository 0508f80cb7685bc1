#include "api/exchange_in.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/exchange_out.h"
#include "model/limits.h"

namespace treadle::api {
namespace {

using testing::HasSubstr;

std::string With(const std::string& more) {
  return R"({"worker":"w","incarnation":"00000000000000ff","sequence":1)" + more + "}";
}

std::string ExchangeErrorOf(std::string body) {
  const auto in = ReadExchange(&body);
  EXPECT_FALSE(in.ok()) << body;
  return in.status().message();
}

TEST(ExchangeIn, ReadsAllOfIt) {
  std::string body = With(
      R"(,"queues":["q"],"types":["t","u"],"want":3,"wait_ms":1000,"renew":["1-1.1.1"],"reports":[
      {"token":"1-2.1.1","outcome":"completed","result":[1, 2]},
      {"token":"1-3.2.1","outcome":"failed","error":{"code":"c","message":"m"},"retry":false},
      {"token":"1-4.1.1","outcome":"released"}])");
  const auto in = ReadExchange(&body);
  ASSERT_TRUE(in.ok()) << in.status().ToString();
  const ExchangeRequest& request = in->request;
  EXPECT_EQ(request.holder, (LeaseHolder{"w", 255}));
  EXPECT_EQ(request.want, 3U);
  EXPECT_EQ(request.wait_ms, 1000);
  EXPECT_EQ(request.renew.front().ToString(), "1-1.1.1");
  ASSERT_EQ(request.reports.size(), 3U);
  EXPECT_EQ(request.reports[0].result->bytes, "[1, 2]");
  EXPECT_EQ(request.reports[1].error->message, "m");
  EXPECT_FALSE(request.reports[1].retry);
  EXPECT_EQ(request.reports[2].kind, Report::Kind::kReleased);
}

TEST(ExchangeIn, EachMistakeIsNamed) {
  EXPECT_EQ(ExchangeErrorOf(R"({"worker":"w","sequence":1})"), "incarnation is missing");
  EXPECT_EQ(ExchangeErrorOf(R"({"worker":"w","incarnation":"00000000000000ff"})"),
            "sequence is missing");
  EXPECT_THAT(ExchangeErrorOf(R"({"incarnation":"xyz"})"), HasSubstr("16 hexadecimal digits"));
  EXPECT_THAT(ExchangeErrorOf(With(R"(,"want":1)")), HasSubstr("queues and types"));
  EXPECT_THAT(ExchangeErrorOf(With(R"(,"reason":"so")")), HasSubstr("goodbye"));
  EXPECT_THAT(
      ExchangeErrorOf(With(R"(,"goodbye":true,"reason":")" + std::string(8'193, 'x') + "\"")),
      HasSubstr("at most 8192 bytes"));
  EXPECT_THAT(ExchangeErrorOf(With(R"(,"want":1,"queues":["q"],"types":["t"],"goodbye":true)")),
              HasSubstr("goodbye"));
  EXPECT_THAT(
      ExchangeErrorOf(With(R"(,"reports":[{"token":"1-1.1.1","outcome":"failed"}],"want":-1)")),
      HasSubstr("want"));
  EXPECT_THAT(ExchangeErrorOf(With(R"(,"reports":[{"token":"1-1.1.1" "outcome":1}])")),
              HasSubstr("not valid JSON"));
}

struct Bad {
  std::string report;  // behind its token
  std::string why;
};

class BadReportTest : public testing::TestWithParam<Bad> {};

TEST_P(BadReportTest, FailsItsOwnAttemptAndCostsNoOther) {
  const std::string good = R"({"token":"1-1.1.1","outcome":"completed","result":[1, 2]})";
  std::string body = With(R"(,"wait_ms":9,"want":2,"queues":["q"],"types":["t"],"reports":[)" +
                          good + R"(,{"token":"1-2.1.1",)" + GetParam().report + "}," + good + "]");
  const auto in = ReadExchange(&body);
  ASSERT_TRUE(in.ok()) << in.status().ToString();
  EXPECT_EQ(in->request.want, 2U);
  ASSERT_EQ(in->request.reports.size(), 3U);
  EXPECT_EQ(in->request.reports[0].result->bytes, "[1, 2]");
  EXPECT_EQ(in->request.reports[2].result->bytes, "[1, 2]");
  const Report& stand_in = in->request.reports[1];
  EXPECT_EQ(stand_in.token.ToString(), "1-2.1.1");
  EXPECT_EQ(stand_in.kind, Report::Kind::kFailed);
  EXPECT_THAT(stand_in.error->code, testing::AnyOf("report_invalid", "result_invalid"));
  EXPECT_THAT(stand_in.error->message, HasSubstr(GetParam().why));
  ASSERT_EQ(in->bad.size(), 1U);
  EXPECT_EQ(in->bad[0].place, 1U);
  EXPECT_THAT(in->bad[0].why.message(), HasSubstr(GetParam().why));
  ExchangeReply reply;
  for (const Report& report : in->request.reports)
    reply.reports.push_back({report.token, Status()});
  MergeRefused(*in, &reply);
  EXPECT_EQ(reply.reports[1].status.code(), Code::kInvalidArgument);
  EXPECT_TRUE(reply.reports[0].status.ok() && reply.reports[2].status.ok());
}

std::vector<Bad> BadReports() {
  return {
      {R"("outcome":"done")", "outcome must be completed, failed"},
      {R"("outcome":"failed")", "error is missing"},
      {R"("outcome":"discarded","error":{"message":"m"})", "error.code is missing"},
      {R"("outcome":"failed","error":{"code":""})", "error.code must be printable"},
      {R"("outcome":"failed","error":{"code":"a\u0007"})", "error.code must be printable"},
      {R"("outcome":"failed","error":{"code":")" + std::string(65, 'x') + "\"}",
       "error.code must be printable"},
      {R"("outcome":"failed","error":"text")", "error must be an object"},
      {R"("outcome":"released","result":1)", "is only for the outcome completed"},
      {R"("outcome":"snoozed")", "delay_ms is missing"},
      {R"("outcome":"snoozed","delay_ms":315360000001)", "delay_ms must be a whole number"},
      {R"("outcome":"snoozed","delay_ms":-1)", "delay_ms must be a whole number"},
      {R"("outcome":"snoozed","delay_ms":99999999999999999999)", "delay_ms must be"},
      {R"("outcome":"released","delay_ms":1)", "is only for the outcomes failed and snoozed"},
      {R"("outcome":"released","log":{"offset":65537,"text":""})", "log.offset must be"},
      {R"("outcome":"released","log":{"offset":-1,"text":""})", "log.offset must be"},
      {R"("outcome":"released","log":7)", "log must be an object"},
      {R"("outcome":"released","extra":[{"a":"}"}])", "unknown field"},
      {R"("outcome":"released","outcome":"released")", "comes twice"},
      {R"("outcome":"completed","result":1,"result_sha256":"00")", "64 hexadecimal digits"},
      {R"("outcome":"completed","result_base64":"!")", "must be base64"},
      {R"("outcome":"completed","result":1,"content_type":"a\u0001")", "content_type must be"},
      {R"("outcome":"failed","error":{"code":"c","message":"a\ud800b"})", "surrogate pair"},
      {R"("outcome":"failed","error":{"code":"c","message":"\udc00\ud800"})", "surrogate pair"},
      {R"("outcome":"released","log":{"offset":0,"text":"\ud83d"})", "surrogate pair"},
      {R"("outcome":"released","\udfff":[{"a":"}"}])", "surrogate pair"},
      {R"("outcome":"released","\udfff":)" + std::string(65, '[') + std::string(65, ']'),
       "nested deeper"},
      {R"("outcome":"completed","result":)" + std::string(100'000, '[') + std::string(100'000, ']'),
       "nested deeper"}};
}

INSTANTIATE_TEST_SUITE_P(Each, BadReportTest, testing::ValuesIn(BadReports()));

TEST(ExchangeIn, AReportWithoutATokenIsAnsweredAndNothingElseIsLost) {
  std::string body = With(R"(,"wait_ms":9,"renew":["1-9.1.1","garbage"],"reports":[
      {"token":"garbage","outcome":"completed"},{"outcome":"completed"},7,
      {"token":7,"outcome":"completed"},{"token":"1-3.1.1","outcome":"released"}])");
  const auto in = ReadExchange(&body);
  ASSERT_TRUE(in.ok()) << in.status().ToString();
  EXPECT_EQ(in->request.wait_ms, 0);
  EXPECT_EQ(in->request.renew.size(), 1U);
  EXPECT_THAT(in->unknown_leases, testing::ElementsAre("garbage"));
  ASSERT_EQ(in->request.reports.size(), 5U);
  ASSERT_EQ(in->bad.size(), 4U);
  ExchangeReply reply;
  for (const Report& report : in->request.reports)
    reply.reports.push_back({report.token, Status(Code::kNotFound, "no such task")});
  reply.reports[4].status = {};
  MergeRefused(*in, &reply);
  const std::string answer = WriteExchange(reply, &*in);
  EXPECT_THAT(answer, HasSubstr(R"({"token":"garbage","code":"INVALID_ARGUMENT")"));
  EXPECT_THAT(answer, HasSubstr(R"({"token":"","code":"INVALID_ARGUMENT")"));
  EXPECT_THAT(answer, HasSubstr(R"({"token":"1-3.1.1","code":"OK"})"));
  EXPECT_THAT(answer, HasSubstr(R"("lost":["garbage"])"));
}

TEST(ExchangeIn, AReportThatIsNoJsonRefusesTheExchange) {
  for (const char* const report :
       {R"({"token":"1-1.1.1","outcome":"failed","error":{"code":"\ud800" 7}})",
        R"({"token":"1-1.1.1","outcome":"failed","error":{"code":"\ud80"}})",
        R"({"token":"1-1.1.1","outcome":"\q"})"})
    EXPECT_THAT(ExchangeErrorOf(With(R"(,"reports":[)" + std::string(report) + "]")),
                HasSubstr("not valid JSON"))
        << report;
}

TEST(ExchangeIn, ATokenWithHalfACharacterIsNoToken) {
  std::string body = With(R"(,"reports":[{"token":"\ud800","outcome":"released"},
      {"token":"1-3.1.1","outcome":"released"}])");
  const auto in = ReadExchange(&body);
  ASSERT_TRUE(in.ok()) << in.status().ToString();
  ASSERT_EQ(in->bad.size(), 1U);
  EXPECT_EQ(in->bad[0].no_token, "");
  EXPECT_EQ(in->request.reports.at(1).token.ToString(), "1-3.1.1");
}

TEST(ExchangeOut, AFailureIsAnsweredWithWhatFollows) {
  const std::optional<Token> token = Token::Parse("1-1.1.1");
  ASSERT_TRUE(token);
  ExchangeReply reply;
  reply.reports = {{.token = *token, .state = TaskState::kRetrying, .retry_in_ms = 222},
                   {.token = *token, .state = TaskState::kDead},
                   {.token = *token}};
  EXPECT_THAT(WriteExchange(reply),
              HasSubstr(R"("reports":[{"token":"1-1.1.1","code":"OK","state":"retrying",)"
                        R"("retry_in_ms":222},{"token":"1-1.1.1","code":"OK","state":"dead"},)"
                        R"({"token":"1-1.1.1","code":"OK"}])"));
}

TEST(ExchangeIn, ALostLeaseIsReportedBeforeErrorsOfItsReport) {
  std::string body = With(R"(,"reports":[{"token":"1-1.1.1","outcome":"snoozed"}])");
  const auto in = ReadExchange(&body);
  ExchangeReply reply;
  reply.reports.push_back({in->request.reports[0].token, Status(Code::kLeaseLost, "lost")});
  MergeRefused(*in, &reply);
  EXPECT_EQ(reply.reports[0].status.code(), Code::kLeaseLost);
}

TEST(ExchangeIn, AResultThatCannotBeTakenFailsAloneAndForGood) {
  std::string body = With(R"(,"wait_ms":9,"reports":[{"token":"1-1.1.1","outcome":"completed"},
      {"token":"1-2.1.1","outcome":"completed","result":")" +
                          std::string(limits::kPayloadBytes, 'x') + R"("},
      {"token":"1-3.1.1","outcome":"released"}])");
  const auto in = ReadExchange(&body);
  ASSERT_TRUE(in.ok()) << in.status().ToString();
  ASSERT_EQ(in->request.reports.size(), 3U);
  EXPECT_EQ(in->request.reports[1].error->code, "result_invalid");
  EXPECT_FALSE(in->request.reports[1].retry);
  ASSERT_EQ(in->bad.size(), 1U);
  EXPECT_EQ(in->bad[0].place, 1U);
}

TEST(ExchangeIn, ReportsThatAreRefusedLaterKeepTheirPlaces) {
  std::string reports;
  for (int i = 1; i <= 5; ++i)
    reports += std::string(i == 1 ? "" : ",") + R"({"token":"1-)" + std::to_string(i) +
               R"(.1.1","outcome":"completed","result":")" +
               std::string(i == 2 || i == 5 ? limits::kPayloadBytes : 1, 'x') + "\"}";
  std::string body = With(R"(,"wait_ms":9,"reports":[)" + reports + "]");
  auto in = ReadExchange(&body);
  ASSERT_TRUE(in.ok()) << in.status().ToString();
  const Status no(Code::kInvalidArgument, "no");
  RefuseReports(&*in, {no, Status(), Status(), no, Status()});
  ExchangeReply reply;
  for (const Report& report : in->request.reports)
    reply.reports.push_back({report.token, Status()});
  MergeRefused(*in, &reply);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(reply.reports[i].token.task, TaskId::Of(1, i + 1));
    EXPECT_EQ(reply.reports[i].status.ok(), i == 2);
    EXPECT_EQ(in->request.reports[i].kind,
              i == 2 ? Report::Kind::kCompleted : Report::Kind::kFailed);
  }
}

TEST(ExchangeIn, ALongErrorKeepsItsEndFromAWholeCharacterOn) {
  std::string message;
  while (message.size() < limits::kErrorMessageBytes) message += "é";
  message += "x";
  std::string body = With(R"(,"reports":[{"token":"1-1.1.1","outcome":"failed","error":
      {"code":"c","message":")" +
                          message + R"("}}])");
  const auto in = ReadExchange(&body);
  ASSERT_TRUE(in.ok()) << in.status().ToString();
  const std::string& kept = in->request.reports[0].error->message;
  EXPECT_EQ(kept.size(), limits::kErrorMessageBytes - 1);
  EXPECT_TRUE(kept.starts_with("é") && kept.ends_with("éx"));
}

}  // namespace
}  // namespace treadle::api
