#include "api/task_in.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace treadle::api {
namespace {

using testing::HasSubstr;

std::string ErrorOf(std::string body, std::string_view key = "") {
  const auto task = ReadTask(&body, {.key = key});
  EXPECT_FALSE(task.ok()) << body;
  return task.status().message();
}

TEST(TaskIn, DefaultsHold) {
  std::string body = R"({"type":"hello"})";
  const auto task = ReadTask(&body, {});
  ASSERT_TRUE(task.ok()) << task.status().ToString();
  EXPECT_EQ(task->queue, "default");
  EXPECT_EQ(task->priority, 5);
  EXPECT_EQ(task->max_attempts, 0);  // what the policy says
  EXPECT_FALSE(task->has_terms());
  EXPECT_EQ(task->body->payload, "null");
  EXPECT_EQ(task->body->content_type, "");
  EXPECT_EQ(task->body->payload_sha256, Sha256Of("null"));
}

TEST(TaskIn, PayloadKeepsItsBytesAndTheirDigest) {
  std::string body = R"({"payload": {"b" : 1.50,  "a":[ ]} ,"type":"t"})";
  const auto task = ReadTask(&body, {});
  ASSERT_TRUE(task.ok()) << task.status().ToString();
  EXPECT_EQ(task->body->payload, R"({"b" : 1.50,  "a":[ ]})");
  EXPECT_EQ(task->body->payload_sha256, Sha256Of(task->body->payload));
}

TEST(TaskIn, OtherBytesComeAsBase64) {
  std::string body = R"({"type":"t","payload_base64":"AP8=","priority":9,"delay_ms":5})";
  const auto task = ReadTask(&body, {.key = "key"});
  ASSERT_TRUE(task.ok()) << task.status().ToString();
  EXPECT_EQ(task->body->payload, std::string("\0\xff", 2));
  EXPECT_EQ(task->body->content_type, "application/octet-stream");
  EXPECT_EQ(task->body->idempotency_key, "key");
  EXPECT_EQ(task->priority, 9);
  EXPECT_EQ(task->delay_ms, 5);
}

TEST(TaskIn, BytesWithAJsonContentTypeMustBeJson) {
  std::string body =
      R"({"type":"t","payload_base64":"eyJhIjoxfQ==","content_type":"application/json"})";
  EXPECT_EQ(ReadTask(&body, {})->body->payload, R"({"a":1})");
  EXPECT_EQ(ErrorOf(R"({"type":"t","payload_base64":"eyI=","content_type":"application/json"})"),
            "payload_base64 is not JSON, although its content_type is");
}

TEST(TaskIn, APresetAppliesAnywhereAndOverwritesNothing) {
  const std::vector<std::string> fields = {R"("max_attempts":3)", R"("never":["a"])",
                                           R"("preset":"patient")"};
  for (size_t first = 0; first < fields.size(); ++first) {
    std::string body = R"({"type":"t","retry":{)" + fields[first] + "," + fields[(first + 1) % 3] +
                       "," + fields[(first + 2) % 3] + "}}";
    const auto task = ReadTask(&body, {});
    ASSERT_TRUE(task.ok()) << task.status().ToString();
    EXPECT_EQ(task->retry->max_attempts, 3) << body;
    EXPECT_EQ(task->retry->never, std::vector<std::string>{"a"}) << body;
    EXPECT_EQ(task->retry->backoff_cap_ms, 3'600'000) << body;
  }
}

TEST(TaskIn, TheFirstMomentOf1970IsATimeLikeAnyOther) {
  std::string body =
      R"({"type":"t","expires_at":"1970-01-01T00:00:00Z","deadline_at":"1970-01-01T00:00:00Z"})";
  const auto task = ReadTask(&body, {});
  ASSERT_TRUE(task.ok()) << task.status().ToString();
  EXPECT_EQ(task->expires_at, WallTime{0});
  EXPECT_EQ(task->deadline_at, WallTime{0});
  EXPECT_EQ(task->run_at, std::nullopt);
}

TEST(TaskIn, EachMistakeIsNamed) {
  EXPECT_THAT(ErrorOf("{}"), HasSubstr("type is missing"));
  EXPECT_EQ(ErrorOf(R"({"type":"t","payload":1,"payload_base64":""})"),
            "payload and payload_base64 cannot both be given");
  EXPECT_THAT(ErrorOf(R"({"type":"t","payload_base64":"A"})"), HasSubstr("must be base64"));
  EXPECT_THAT(ErrorOf(R"({"type":"t","payload_sha256":"00"})"), HasSubstr("64 hexadecimal"));
  EXPECT_THAT(ErrorOf(R"({"type":"t","payload_sha256":")" + std::string(64, '0') + "\"}"),
              HasSubstr("payload_sha256 does not match the received bytes"));
  EXPECT_EQ(ErrorOf(R"({"type":"t","priority":10})"),
            "priority must be a whole number from 0 to 9");
  EXPECT_THAT(ErrorOf(R"({"type":"t","run_at":"tomorrow"})"), HasSubstr("run_at must be a time"));
  EXPECT_EQ(ErrorOf(R"({"type":"t","idempotency_key":""})"), "idempotency_key must not be empty");
  EXPECT_EQ(ErrorOf(R"({"type":"t","idempotency_key":"a"})", "b"),
            "idempotency_key differs from the Idempotency-Key header");
  EXPECT_THAT(ErrorOf(R"({"type":"t","colour":1})"), HasSubstr("unknown field \"colour\"; known"));
}

TEST(TaskIn, ABatchNamesTheTask) {
  std::string body = R"({"tasks":[{"type":"t"},{"type":"t","priority":-1}]})";
  EXPECT_EQ(ReadBatch(&body, {}).status().message(),
            "tasks[1].priority must be a whole number from 0 to 9");
  body = R"({"tasks":[{"type":"t"},{"typ":"t"}]})";
  EXPECT_THAT(ReadBatch(&body, {}).status().message(),
              HasSubstr("unknown field \"typ\" in tasks[1]"));
}

const std::string kTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const std::string kOtherTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

TEST(TaskIn, ItsOwnTraceparentBeatsThatOfItsRequest) {
  const TaskHeaders headers{.traceparent = *ParseTraceparent(kOtherTrace)};
  const auto trace_of = [&](std::string body, const TaskHeaders& sent) {
    return std::string(ReadTask(&body, sent)->body->traceparent.Text().view());
  };
  const std::string traced = R"({"type":"t","traceparent":")" + kTrace + R"("})";
  EXPECT_EQ(trace_of(traced, {}), kTrace);
  EXPECT_EQ(trace_of(traced, headers), kTrace);
  EXPECT_EQ(trace_of(R"({"type":"t"})", headers), kOtherTrace);
  std::string body = R"({"type":"t"})";
  EXPECT_TRUE(ReadTask(&body, {})->body->traceparent.empty());
  body = R"({"tasks":[)" + traced + R"(,{"type":"t"}]})";
  const auto batch = ReadBatch(&body, headers.traceparent);
  ASSERT_TRUE(batch.ok()) << batch.status().ToString();
  EXPECT_EQ((*batch)[0].body->traceparent.Text().view(), kTrace);
  EXPECT_EQ((*batch)[1].body->traceparent.Text().view(), kOtherTrace);
}

TEST(TaskIn, AMalformedTraceparentIsNamed) {
  for (const std::string& text : {std::string(), kTrace + "-x", "01" + kTrace.substr(2)}) {
    const std::string error = ErrorOf(R"({"type":"t","traceparent":")" + text + R"("})");
    EXPECT_THAT(error, HasSubstr("traceparent must be a W3C traceparent of version 00")) << text;
  }
  std::string body = R"({"tasks":[{"type":"t"},{"type":"t","traceparent":"x"}]})";
  EXPECT_THAT(ReadBatch(&body, {}).status().message(), HasSubstr("tasks[1].traceparent must be"));
}

}  // namespace
}  // namespace treadle::api
