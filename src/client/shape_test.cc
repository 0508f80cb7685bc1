#include "client/shape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>

#include "base/hash.h"
#include "client/answers.h"
#include "client/test_server.h"
#include "client/wire.h"

namespace treadle::wire {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kTask[] =
    R"({"id":"1-1","type":"t","queue":"q","state":"ready","attempt":0,"max_attempts":20)";

std::string In(const std::string& json, const Shape& shape) {
  return WhatIsWrong(json, shape).value_or("");
}

TEST(Shape, AnAnswerWithAllThatIsNeededPasses) {
  EXPECT_EQ(In(std::string(kTask) + "}", kTaskShape), "");
  EXPECT_EQ(In(std::string(" \n") + kTask +
                   R"( , "more" : [ {"id":1}, "]}\"" , -1e9 , true ] , "error" : null } )",
               kTaskShape),
            "");
  EXPECT_EQ(In(R"({"tasks":[],"as_of":"x"})", kTaskListShape), "");
  EXPECT_EQ(
      In(std::string(R"({"as_of":"x","tasks":[)") + kTask + "}," + kTask + "}]}", kTaskListShape),
      "");
}

TEST(Shape, AWrongFieldIsNamedByItsPath) {
  EXPECT_EQ(In("", kTaskShape), "it is not JSON");
  EXPECT_EQ(In("<html>", kTaskShape), "it is not JSON");
  EXPECT_EQ(In("{} x", kTaskShape), "it is not JSON");
  EXPECT_EQ(In("null", kTaskShape), "it is null instead of an object");
  EXPECT_EQ(In("[]", kTaskShape), "it is a list instead of an object");
  EXPECT_EQ(In("{}", kTaskShape), "\"id\" is missing");
  EXPECT_EQ(In(R"({"id":7})", kTaskShape), "\"id\" is a number instead of text");
  EXPECT_EQ(In(R"({"id":null})", kTaskShape), "\"id\" is null instead of text");
  EXPECT_EQ(In(R"({"\u0069d":"1-1"})", kTaskShape), "\"id\" is missing");
  EXPECT_EQ(In(R"({"as_of":"","tasks":{}})", kTaskListShape),
            "\"tasks\" is an object instead of a list");
  EXPECT_EQ(In(R"({"as_of":"","tasks":[3]})", kTaskListShape),
            "\"tasks[0]\" is a number instead of an object");
  EXPECT_EQ(In(std::string(R"({"tasks":[)") + kTask + "},{}]}", kTaskListShape),
            "\"tasks[1].id\" is missing");
  EXPECT_EQ(In(std::string(kTask) + R"(,"error":{"code":[]}})", kTaskShape),
            "\"error.code\" is a list instead of text");
  for (const char* number : {"1.5", "1e3", "99999999999999999999"})
    EXPECT_EQ(In(std::string(kTask) + R"(,"payload_bytes":)" + number + "}", kTaskShape),
              "\"payload_bytes\" is a number instead of an integer");
}

struct NamedCall {
  std::string name;
  std::function<Status(ServerConnection&)> call;
};

// Each call of the wire gets each answer that no Treadle server gives.
TEST(Shape, NoCallTakesTheAnswerOfAnotherServerForItsOwn) {
  const NamedCall calls[] = {
      {"enqueue", [](auto& server) { return Enqueue(server, {.type = "t"}).status(); }},
      {"batch", [](auto& server) { return EnqueueBatch(server, {{.type = "t"}}).status(); }},
      {"get", [](auto& server) { return GetTask(server, "1-1").status(); }},
      {"cancel", [](auto& server) { return CancelTask(server, "1-1", "").status(); }},
      {"result", [](auto& server) { return GetResult(server, "1-1").status(); }},
      {"save", [](auto& server) { return SaveAttempt(server, "1-1.1.1", {}, 5'000).status(); }}};
  testing::TestServer server;
  const auto client = *ServerConnection::Make({.server = server.url()});
  for (const NamedCall& each : calls) {
    for (const char* body :
         {"{}", "[]", "null", "", "<html>hello</html>",
          "{\"id\":", R"({"id":1,"tasks":[{"id":[]}],"log_bytes":"x"})", R"({"tasks":[]})"}) {
      auto call = std::async(std::launch::async, [&] { return each.call(*client); });
      testing::TestServer::Answer(server.Next(), 200, body);
      const Status status = call.get();
      EXPECT_EQ(status.code(), Code::kInternal) << each.name << body;
      EXPECT_THAT(status.message(), AllOf(HasSubstr(server.url()), HasSubstr("/v1/"),
                                          HasSubstr("is it a Treadle server?")))
          << each.name << body;
    }
  }
}

TEST(Shape, ARedirectionIsNoAnswer) {
  testing::TestServer server;
  const auto client = *ServerConnection::Make({.server = server.url()});
  auto call = std::async(std::launch::async, [&] { return GetTask(*client, "1-1").status(); });
  testing::TestServer::Answer(server.Next(), 302, "{}");
  EXPECT_THAT(call.get().message(), HasSubstr("a redirect, HTTP 302"));
}

TEST(Shape, BytesMustHaveTheHashThatWasSentWithThem) {
  const auto client = *ServerConnection::Make({});
  ServerAnswer answer{.body = "x"};
  answer.headers = {{"treadle-sha256", ToHex(Sha256Of("x").view())}};
  EXPECT_TRUE(CheckBytes(*client, "GET /v1/x", answer, "treadle-sha256").ok());
  answer.body = "y";
  EXPECT_THAT(CheckBytes(*client, "GET /v1/x", answer, "treadle-sha256").message(),
              HasSubstr("SHA-256"));
}

}  // namespace
}  // namespace treadle::wire
