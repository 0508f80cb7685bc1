#include "api/exchange_in.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/limits.h"

namespace treadle::api {
namespace {

using testing::HasSubstr;

std::string With(const std::string& more) {
  return R"({"worker":"w","incarnation":"00000000000000ff","sequence":1)" + more + "}";
}

std::string ErrorOf(std::string body) {
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
  EXPECT_EQ(ErrorOf(R"({"worker":"w","sequence":1})"), "incarnation is missing");
  EXPECT_EQ(ErrorOf(R"({"worker":"w","incarnation":"00000000000000ff"})"), "sequence is missing");
  EXPECT_THAT(ErrorOf(R"({"incarnation":"xyz"})"), HasSubstr("16 hexadecimal digits"));
  EXPECT_THAT(ErrorOf(With(R"(,"renew":["1-1"])")), HasSubstr("renew[0] must be the token"));
  EXPECT_THAT(ErrorOf(With(R"(,"want":1)")), HasSubstr("queues and types"));
  EXPECT_EQ(ErrorOf(With(R"(,"reports":[{"token":"1-1.1.1","outcome":"done"}])")),
            "reports[0].outcome must be completed, failed, released, snoozed or discarded");
  EXPECT_THAT(ErrorOf(With(R"(,"reports":[{"token":"1-1.1.1","outcome":"failed"}])")),
              HasSubstr("reports[0].error is missing"));
  EXPECT_THAT(ErrorOf(With(R"(,"reports":[{"token":"1-1.1.1","outcome":"released","result":1}])")),
              HasSubstr("completed alone"));
  EXPECT_THAT(ErrorOf(With(R"(,"reports":[{"token":"1-1.1.1","outcome":"snoozed"}])")),
              HasSubstr("reports[0].delay_ms is missing"));
  EXPECT_THAT(
      ErrorOf(With(R"(,"reports":[{"token":"1-1.1.1","outcome":"released","delay_ms":1}])")),
      HasSubstr("failed and snoozed alone"));
}

TEST(ExchangeIn, AResultThatCannotBeTakenFailsAlone) {
  std::string body = With(R"(,"wait_ms":9,"reports":[{"token":"1-1.1.1","outcome":"completed"},
      {"token":"1-2.1.1","outcome":"completed","result":")" +
                          std::string(limits::kPayloadBytes, 'x') + R"("},
      {"token":"1-3.1.1","outcome":"released"}])");
  auto in = ReadExchange(&body);
  ASSERT_TRUE(in.ok()) << in.status().ToString();
  EXPECT_EQ(in->request.wait_ms, 0);
  ASSERT_EQ(in->request.reports.size(), 2U);
  ExchangeReply reply;
  for (const Report& report : in->request.reports) reply.reports.push_back({report.token, {}});
  MergeRefused(&*in, &reply);
  ASSERT_EQ(reply.reports.size(), 3U);
  EXPECT_EQ(reply.reports[1].first.ToString(), "1-2.1.1");
  EXPECT_EQ(reply.reports[1].second.code(), Code::kInvalidArgument);
  EXPECT_TRUE(reply.reports[2].second.ok());
}

TEST(ExchangeIn, ReportsThatAreRefusedLaterStandInTheirPlacesToo) {
  std::string reports;
  for (int i = 1; i <= 5; ++i)
    reports += std::string(i == 1 ? "" : ",") + R"({"token":"1-)" + std::to_string(i) +
               R"(.1.1","outcome":"completed","result":")" +
               std::string(i == 2 || i == 5 ? limits::kPayloadBytes : 1, 'x') + "\"}";
  std::string body = With(R"(,"wait_ms":9,"reports":[)" + reports + "]");
  auto in = ReadExchange(&body);
  ASSERT_TRUE(in.ok()) << in.status().ToString();
  const Status no(Code::kInvalidArgument, "no");
  RefuseReports(&*in, {no, Status(), no});  // of 1, 3 and 4
  ASSERT_EQ(in->request.reports.size(), 1U);
  ExchangeReply reply;
  reply.reports.push_back({in->request.reports[0].token, {}});
  MergeRefused(&*in, &reply);
  ASSERT_EQ(reply.reports.size(), 5U);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(reply.reports[i].first.task, TaskId::Of(1, i + 1));
    EXPECT_EQ(reply.reports[i].second.ok(), i == 2);
  }
}

TEST(ExchangeIn, OfALongErrorTheEndIsKeptFromAWholeCharacterOn) {
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
