#include "http/guard.h"

#include <gtest/gtest.h>

namespace treadle::http {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

// 200 stands for "may pass".
int StatusOf(const Guard& guard, const Headers& headers, const std::string& target = "/v1/tasks") {
  Request request{.method = Method::kGet, .target = target};
  for (const auto& [name, value] : headers) request.headers.Add(name, value);
  const auto refusal = guard.Check(request);
  return refusal ? refusal->status : 200;
}

TEST(Guard, OnLoopbackTheNamesOfThisMachinePassWithAnyPort) {
  const Guard guard({.listen_host = "127.0.0.2"});
  for (const char* host :
       {"localhost", "LOCALHOST:7373", "127.0.0.1:1", "[::1]:7373", "[::1]", "127.0.0.2:5"}) {
    EXPECT_EQ(StatusOf(guard, {{"Host", host}}), 200) << host;
  }
}

TEST(Guard, OnLoopbackAForeignHostIsRefused) {
  const Guard guard({.listen_host = "127.0.0.1"});
  for (const char* host : {"evil.example", "localhost.evil.example:7373", "", "127.0.0.1.nip.io",
                           "evil@localhost", "[::1"}) {
    EXPECT_EQ(StatusOf(guard, {{"Host", host}}), 403) << host;
  }
  EXPECT_EQ(StatusOf(guard, {}), 403);
}

TEST(Guard, AForeignOriginIsRefusedAndAnOwnOnePasses) {
  const Guard guard({.listen_host = "127.0.0.1"});
  for (const char* origin : {"http://localhost:7373", "https://127.0.0.1", "HTTP://[::1]:1"}) {
    EXPECT_EQ(StatusOf(guard, {{"Host", "localhost"}, {"Origin", origin}}), 200) << origin;
  }
  for (const char* origin : {"http://evil.example", "null", "", "file://", "localhost",
                             "http://localhost.evil.example"}) {
    EXPECT_EQ(StatusOf(guard, {{"Host", "localhost"}, {"Origin", origin}}), 403) << origin;
  }
}

TEST(Guard, ConfiguredHostsPassBesideTheOwnOnes) {
  const Guard guard({.listen_host = "0.0.0.0", .allowed_hosts = {"queue.example"}});
  EXPECT_EQ(StatusOf(guard, {{"Host", "Queue.example:80"}}), 200);
  EXPECT_EQ(StatusOf(guard, {{"Host", "0.0.0.0"}}), 403);
  EXPECT_EQ(StatusOf(guard, {{"Host", "other.example"}}), 403);
}

TEST(Guard, BeyondLoopbackWithoutConfiguredHostsOnlyTheOriginMustBeTheHost) {
  const Guard guard({.listen_host = "10.0.0.5"});
  EXPECT_EQ(StatusOf(guard, {{"Host", "any.example"}}), 200);
  EXPECT_EQ(StatusOf(guard, {{"Host", "any.example"}, {"Origin", "http://any.example"}}), 200);
  EXPECT_EQ(StatusOf(guard, {{"Host", "any.example"}, {"Origin", "http://evil.example"}}), 403);
}

TEST(Guard, TokenIsAskedOfEverythingButTheProbes) {
  const Guard guard({.listen_host = "127.0.0.1", .token = "s3cret"});
  const auto with = [](const std::string& value) {
    return Headers{{"Host", "localhost"}, {"Authorization", value}};
  };
  EXPECT_EQ(StatusOf(guard, with("Bearer s3cret")), 200);
  EXPECT_EQ(StatusOf(guard, with("bearer s3cret")), 200);
  for (const char* wrong : {"Bearer s3cre", "Bearer s3cret2", "Basic s3cret", "Bearer ", ""}) {
    EXPECT_EQ(StatusOf(guard, with(wrong)), 401) << wrong;
  }
  EXPECT_EQ(StatusOf(guard, {{"Host", "localhost"}}), 401);
  EXPECT_EQ(StatusOf(guard, {{"Host", "localhost"}}, "/livez?verbose"), 200);
  EXPECT_EQ(StatusOf(guard, {{"Host", "localhost"}}, "/readyz"), 200);
  EXPECT_EQ(StatusOf(guard, {{"Host", "localhost"}}, "/livez/"), 401);
}

TEST(Guard, A401SaysHowToAuthenticate) {
  const Guard guard({.listen_host = "127.0.0.1", .token = "s3cret"});
  Request request{.target = "/"};
  request.headers.Add("Host", "localhost");
  const auto refusal = guard.Check(request);
  ASSERT_TRUE(refusal);
  ASSERT_EQ(refusal->headers.size(), 1u);
  EXPECT_EQ(refusal->headers[0].name, "WWW-Authenticate");
}

TEST(ListenPolicy, OtherMachinesNeedATokenOrAnExplicitWord) {
  for (const char* host : {"127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"}) {
    EXPECT_TRUE(CheckListenPolicy(host, false, false).ok()) << host;
  }
  for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "queue.example", ""}) {
    const Status refused = CheckListenPolicy(host, false, false);
    EXPECT_EQ(refused.code(), Code::kFailedPrecondition) << host;
    EXPECT_NE(refused.message().find("--token-file"), std::string::npos);
    EXPECT_NE(refused.message().find("--allow-unauthenticated"), std::string::npos);
    EXPECT_TRUE(CheckListenPolicy(host, true, false).ok());
    EXPECT_TRUE(CheckListenPolicy(host, false, true).ok());
  }
}

}  // namespace
}  // namespace treadle::http
