#include "client/wire.h"

#include <gtest/gtest.h>

#include <future>

#include "base/hash.h"
#include "client/test_server.h"

namespace treadle::wire {
namespace {

std::string LeaseJson(std::string_view payload_field, std::string_view raw) {
  return R"({"leases":[{"token":"1-42.3.7","id":"1-42","queue":"q","type":"t","attempt":3,)"
         R"("max_attempts":20,"lease_ms":30000,"enqueued_at":"2026-11-23T20:53:01.250Z",)"
         R"("content_type":"application/json","payload_sha256":")" +
         ToHex(Sha256Of(raw).view()) + R"(",)" + std::string(payload_field) +
         R"(}],"reports":[],"lost":[],"of_a_newer_server":{"a":[1]}})";
}

TEST(Wire, PayloadsKeepTheirExactBytes) {
  for (const std::string raw : {R"({ "a" : [1, 2.50] , "b":"\u00e9"})", "[ ]", "12.0e1", "\"text\"",
                                "null", "true", "{}"}) {
    for (const std::string space : {"", " ", "\n  "}) {
      const auto answer = ParseExchangeAnswer(LeaseJson("\"payload\":" + space + raw + space, raw));
      ASSERT_TRUE(answer.ok()) << raw << answer.status().ToString();
      EXPECT_EQ(answer->leases.at(0).payload, raw);
      EXPECT_FALSE(answer->leases.at(0).damaged);
    }
  }
}

TEST(Wire, APayloadInTheMiddleOfALeaseKeepsItsBytesToo) {
  const auto answer =
      ParseExchangeAnswer(LeaseJson("\"payload\":{\"a\":[{}]} , \"later\":1", "{\"a\":[{}]}"));
  EXPECT_EQ(answer->leases.at(0).payload, "{\"a\":[{}]}");
}

TEST(Wire, ReadsALease) {
  const auto answer = ParseExchangeAnswer(LeaseJson("\"payload_base64\":\"AP8=\"", {"\0\xff", 2}));
  ASSERT_TRUE(answer.ok());
  const Lease& lease = answer->leases.at(0);
  EXPECT_EQ(lease.token, "1-42.3.7");
  EXPECT_EQ(lease.id, "1-42");
  EXPECT_EQ(lease.attempt, 3);
  EXPECT_EQ(lease.max_attempts, 20);
  EXPECT_EQ(lease.lease_ms, 30'000);
  EXPECT_EQ(lease.enqueued_at_ms, 1'795'467'181'250);
  EXPECT_EQ(lease.payload, std::string("\0\xff", 2));
  EXPECT_FALSE(lease.damaged);
}

TEST(Wire, APayloadWithoutItsHashIsDamaged) {
  EXPECT_TRUE(ParseExchangeAnswer(LeaseJson("\"payload\":{\"a\":1}", "{}"))->leases[0].damaged);
  EXPECT_TRUE(ParseExchangeAnswer(LeaseJson("\"payload_base64\":\"?\"", ""))->leases[0].damaged);
}

TEST(Wire, ReadsReportsAndLostTokens) {
  const auto answer = ParseExchangeAnswer(R"({"leases":[],"reports":[{"token":"a","code":"OK"},)"
                                          R"({"token":"b","code":"ABORTED","detail":"old"},)"
                                          R"({"token":"c","code":"NEW"}],"lost":["d"]})");
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->reports.at(0).code, Code::kOk);
  EXPECT_EQ(answer->reports.at(1).detail, "old");
  EXPECT_EQ(answer->reports.at(2).code, Code::kUnknown);
  EXPECT_EQ(answer->lost, std::vector<std::string>{"d"});
}

ReportAnswer AnswerWith(const std::string& more) {
  const auto answer = ParseExchangeAnswer(R"({"leases":[],"reports":[{"token":"a","code":"OK")" +
                                          more + R"(}],"lost":[]})");
  EXPECT_TRUE(answer.ok()) << answer.status().ToString();
  return answer.ok() ? answer->reports.at(0) : ReportAnswer();
}

TEST(Wire, ReadsWhatFollowsAFailure) {
  const ReportAnswer again = AnswerWith(R"(,"state":"retrying","retry_in_ms":222)");
  EXPECT_EQ(again.state, "retrying");
  EXPECT_EQ(again.retry_in_ms, 222);
  const ReportAnswer dead = AnswerWith(R"(,"state":"dead")");
  EXPECT_EQ(dead.state, "dead");
  EXPECT_EQ(dead.retry_in_ms, std::nullopt);
  EXPECT_EQ(AnswerWith("").state, "") << "as of a server before 0.4";
  EXPECT_EQ(AnswerWith(R"(,"retry_in_ms":-5)").retry_in_ms, std::nullopt) << "is no time";
}

TEST(Wire, ATimeThatIsNoNumberIsInternal) {
  for (const std::string time : {R"("soon")", "1.5", "null", "99999999999999999999", "[1]"}) {
    const auto answer =
        ParseExchangeAnswer(R"({"leases":[],"reports":[{"token":"a","code":"OK","retry_in_ms":)" +
                            time + R"(}],"lost":[]})");
    EXPECT_EQ(answer.status().code(), Code::kInternal) << time;
  }
}

TEST(Wire, AnInvalidAnswerIsInternal) {
  for (const char* text : {"", "[]", "{", "{\"leases\":1}", "{\"leases\":[1]}", "<html>"}) {
    EXPECT_EQ(ParseExchangeAnswer(text).status().code(), Code::kInternal) << text;
  }
}

TEST(Wire, AnExchangeNamesTheMissingAnswers) {
  const std::string text = EncodeExchange({.sequence = 5, .answered = 3});
  EXPECT_NE(text.find(R"("sequence":5,"answered":3)"), std::string::npos) << text;
  for (const auto answered : {std::optional<uint64_t>(), std::optional<uint64_t>(4)}) {
    const std::string all = EncodeExchange({.sequence = 5, .answered = answered});
    EXPECT_EQ(all.find("answered"), std::string::npos) << all;
  }
}

TEST(Wire, EncodesAnExchange) {
  EXPECT_EQ(
      EncodeExchange({.worker = "w",
                      .incarnation = "0f",
                      .sequence = 5,
                      .answered = 4,
                      .queues = {"q"},
                      .types = {"a", "b"},
                      .want = 2,
                      .wait_ms = 10,
                      .renew = {"x"},
                      .reports = {EncodeReleased("y"), EncodeFailed("z", "c", "m", false)}}),
      R"({"worker":"w","incarnation":"0f","sequence":5,"queues":["q"],"types":["a","b"],)"
      R"("want":2,"wait_ms":10,"renew":["x"],"reports":[{"token":"y","outcome":"released"},)"
      R"({"token":"z","outcome":"failed","error":{"code":"c","message":"m"},"retry":false}]})");
}

TEST(Wire, EncodesAGoodbyeWithItsReason) {
  EXPECT_EQ(EncodeExchange({.worker = "w",
                            .incarnation = "0f",
                            .sequence = 1,
                            .goodbye = true,
                            .reason = "no \"x\""}),
            R"({"worker":"w","incarnation":"0f","sequence":1,"queues":[],"types":[],"want":0,)"
            R"("wait_ms":0,"renew":[],"reports":[],"goodbye":true,"reason":"no \"x\""})");
}

TEST(Wire, EncodesSnoozesAndDiscards) {
  EXPECT_EQ(EncodeSnoozed("t", 60'000), R"({"token":"t","outcome":"snoozed","delay_ms":60000})");
  EXPECT_EQ(EncodeDiscarded("t", "c", "m"),
            R"({"token":"t","outcome":"discarded","error":{"code":"c","message":"m"}})");
  EXPECT_TRUE(EncodeFailed("t", "c", "m", true, 5).ends_with(R"("retry":true,"delay_ms":5})"));
}

TEST(Wire, ReadsTheTimesAndTheTraceOfALease) {
  const auto answer =
      ParseExchangeAnswer(LeaseJson(R"("timeout_ms":1500,"deadline_at":"2026-11-23T20:53:01.250Z",)"
                                    R"("traceparent":"00-1","payload":1)",
                                    "1"));
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->leases.at(0).timeout_ms, 1'500);
  EXPECT_EQ(answer->leases.at(0).deadline_at_ms, 1'795'467'181'250);
  EXPECT_EQ(answer->leases.at(0).traceparent, "00-1");
}

TEST(Wire, EncodesResults) {
  EXPECT_EQ(EncodeCompleted("t", " null\n", kJson),
            R"({"token":"t","outcome":"completed","result":null})");
  EXPECT_EQ(EncodeCompleted("t", " {\"a\":1} ", kJson),
            R"({"token":"t","outcome":"completed","result":{"a":1},"result_sha256":")" +
                ToHex(Sha256Of("{\"a\":1}").view()) + "\"}");
  EXPECT_EQ(
      EncodeCompleted("t", "hi", "text/plain"),
      R"({"token":"t","outcome":"completed","result_base64":"aGk=","content_type":"text/plain",)"
      R"("result_sha256":")" +
          ToHex(Sha256Of("hi").view()) + "\"}");
}

TEST(Wire, APayloadThatIsNoJsonIsRefusedBeforeItIsSent) {
  EXPECT_EQ(EncodeTask({.type = "t", .payload = "1},{"}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(*EncodeTask({.type = "t", .payload = "\x01", .content_type = "x/y", .priority = 9}),
            R"({"type":"t","queue":"default","payload_base64":"AQ==","content_type":"x/y",)"
            R"("payload_sha256":")" +
                ToHex(Sha256Of("\x01").view()) + R"(","priority":9})");
}

TEST(Wire, AbsentFieldsOfATaskAreNotSent) {
  const std::string plain = *EncodeTask({.type = "t"});
  for (const char* name : {"tags", "expires", "deadline", "timeout", "retry", "priority", "trace"})
    EXPECT_EQ(plain.find(name), plain.npos) << plain;
  const std::string full = *EncodeTask(
      {.type = "t",
       .tags = {"b", "a"},
       .expires_ms = 1,
       .deadline_at = "2027-01-31T08:00:00Z",
       .attempt_timeout_ms = 2,
       .retry = RetryOptions{
           .backoff = "listed", .delays_ms = {3, 4}, .total_ms = 5, .never = {"hopeless"}}});
  EXPECT_TRUE(full.ends_with(
      R"("tags":["b","a"],"expires_ms":1,"deadline_at":"2027-01-31T08:00:00Z",)"
      R"("attempt_timeout_ms":2,"retry":{"backoff":"listed","delays_ms":[3,4],"total_ms":5,)"
      R"("never":["hopeless"]}})"))
      << full;
  EXPECT_TRUE(EncodeTask({.type = "t", .retry = RetryOptions{}})->ends_with(R"("retry":{}})"));
  EXPECT_TRUE(
      EncodeTask({.type = "t", .traceparent = "00-1"})->ends_with(R"(,"traceparent":"00-1"})"));
}

TEST(Wire, EnqueuesAndReadsIds) {
  testing::TestServer server;
  const auto client = *ServerConnection::Make({.server = server.url()});
  auto one = std::async(std::launch::async, [&] { return Enqueue(*client, {.type = "t"}); });
  testing::TestServer::Answer(server.Next(), 201,
                              R"({"id":"1-1","state":"ready","duplicate":false})");
  EXPECT_EQ(one.get()->id, "1-1");

  auto batch = std::async(std::launch::async,
                          [&] { return EnqueueBatch(*client, {{.type = "a"}, {.type = "b"}}); });
  const testing::TestRequest request = server.Next();
  EXPECT_TRUE(request.head.starts_with("POST /v1/tasks/batch "));
  EXPECT_TRUE(IsJson(request.body)) << request.body;
  testing::TestServer::Answer(
      request, 201, R"({"tasks":[{"id":"1-2","duplicate":false},{"id":"1-1","duplicate":true}]})");
  const auto tasks = batch.get();
  ASSERT_TRUE(tasks.ok()) << tasks.status().ToString();
  EXPECT_EQ(tasks->at(0).id, "1-2");
  EXPECT_TRUE(tasks->at(1).duplicate);
}

TEST(Wire, ReadsATaskView) {
  const auto task = ParseTask(
      R"({"id":"1-1","type":"t","state":"dead","attempt":2,"max_attempts":20,"priority":5,)"
      R"("tags":["a","b"],"worker_losses":3,"cancel_requested":true,)"
      R"("deadline_at":"2026-11-23T20:53:01.250Z",)"
      R"("error":{"code":"exit_65","message":"bad"},"result":{"a": 1}})");
  ASSERT_TRUE(task.ok());
  EXPECT_EQ(task->state, "dead");
  EXPECT_EQ(task->attempt, 2);
  EXPECT_EQ(task->error_code, "exit_65");
  EXPECT_EQ(task->tags, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(task->worker_losses, 3);
  EXPECT_TRUE(task->cancel_requested);
  EXPECT_EQ(task->deadline_at, "2026-11-23T20:53:01.250Z");
  EXPECT_EQ(task->result, "{\"a\": 1}");
}

TEST(Wire, IdsAreEscapedInPaths) {
  EXPECT_EQ(PercentEncode("a/b?c 1-2.~_\xff"), "a%2Fb%3Fc%201-2.~_%FF");
}

}  // namespace
}  // namespace treadle::wire
