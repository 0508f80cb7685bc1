#include "http/guard.h"

#include <gtest/gtest.h>

namespace treadle::http {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

// 200 stands for "may pass".
int StatusOf(const Guard& guard, const Headers& headers, const std::string& target = "/v1/tasks",
             Method method = Method::kGet) {
  Request request{.method = method, .target = target};
  for (const auto& [name, value] : headers) request.headers.Add(name, value);
  const auto refusal = guard.Check(request);
  return refusal ? refusal->status : 200;
}

int StatusOfPost(const Guard& guard, Headers headers) {
  headers.emplace_back("Host", "localhost:7373");
  return StatusOf(guard, headers, "/v1/queues/default/pause", Method::kPost);
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
  for (const char* host :
       {"evil.example", "localhost.evil.example:7373", "", "127.0.0.1.nip.io", "evil@localhost",
        "[::1", "[::1]evil.com", "[::1]evil.com:7373", "localhost:7373:1", "localhost:x",
        "localhost:99999", "localhost,evil", "127.0.0.1@evil", "10.0.0.1", "nas"}) {
    EXPECT_EQ(StatusOf(guard, {{"Host", host}}), 403) << host;
  }
  EXPECT_EQ(StatusOf(guard, {}), 403);
}

TEST(Guard, OnlyPagesOfTheSameHostAndPortPass) {
  const Guard guard({.listen_host = "127.0.0.1"});
  const auto status = [&](const char* host, const char* origin) {
    return StatusOf(guard, {{"Host", host}, {"Origin", origin}});
  };
  for (const char* origin :
       {"http://localhost:7373", "https://127.0.0.1:7373", "HTTP://[::1]:7373"}) {
    EXPECT_EQ(status("localhost:7373", origin), 200) << origin;
  }
  EXPECT_EQ(status("localhost", "http://localhost"), 200);
  EXPECT_EQ(status("localhost:443", "https://localhost"), 200);
  for (const char* origin :
       {"http://localhost:3000", "http://localhost", "https://127.0.0.1", "http://[::1]:1",
        "http://evil.example:7373", "null", "", "file://", "localhost:7373",
        "http://localhost.evil.example:7373", "http://localhost:7373/", "http://[::1]evil:7373"}) {
    EXPECT_EQ(status("localhost:7373", origin), 403) << origin;
  }
}

TEST(Guard, TheBrowsersSecFetchSiteHeaderIsTrusted) {
  const Guard guard({.listen_host = "127.0.0.1"});
  for (const char* site : {"cross-site", "same-site", "", "elsewhere"}) {
    EXPECT_EQ(StatusOfPost(guard, {{"Sec-Fetch-Site", site}}), 403) << site;
    // A link to this server is only looked at.
    EXPECT_EQ(StatusOf(guard, {{"Host", "localhost"}, {"Sec-Fetch-Site", site}}), 200) << site;
  }
  for (const char* site : {"same-origin", "none"})
    EXPECT_EQ(StatusOfPost(guard, {{"Sec-Fetch-Site", site}}), 200) << site;
}

TEST(Guard, AChangeWithAContentTypeThatPagesCanSendIsRefused) {
  const Guard guard({.listen_host = "127.0.0.1"});
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "application/jsonx",
                           "multipart/form-data; boundary=x"}) {
    EXPECT_EQ(StatusOfPost(guard, {{"Content-Type", type}}), 415) << type;
    EXPECT_EQ(StatusOfPost(guard, {{"Content-Type", type}, {"Content-Length", "2"}}), 415) << type;
  }
  EXPECT_EQ(StatusOfPost(guard, {{"Content-Length", "2"}}), 415);
  EXPECT_EQ(StatusOfPost(guard, {{"Transfer-Encoding", "chunked"}}), 415);
  const std::pair<std::string, std::string> json = {"Content-Type", "application/JSON ; x=y"};
  EXPECT_EQ(StatusOfPost(guard, {json, {"Content-Length", "2"}}), 200);
  EXPECT_EQ(StatusOfPost(guard, {json}), 200);
  EXPECT_EQ(StatusOfPost(guard, {{"Content-Length", "0"}}), 200);  // curl -X POST
  EXPECT_EQ(StatusOfPost(guard, {}), 200);
}

TEST(Guard, ConfiguredHostsAlsoPass) {
  const Guard guard({.listen_host = "0.0.0.0", .allowed_hosts = {"queue.example"}});
  EXPECT_EQ(StatusOf(guard, {{"Host", "Queue.example:80"}}), 200);
  EXPECT_EQ(StatusOf(guard, {{"Host", "localhost:7373"}}), 200);
  EXPECT_EQ(StatusOf(guard, {{"Host", "0.0.0.0"}}), 403);
  EXPECT_EQ(StatusOf(guard, {{"Host", "other.example"}}), 403);
}

TEST(Guard, PagesThatAConfiguredProxyServesPass) {
  const Guard guard(
      {.listen_host = "127.0.0.1", .allowed_hosts = {"queue.example", "lab.example:8443"}});
  const auto status = [&](const char* origin) {
    return StatusOf(guard, {{"Host", "127.0.0.1:7373"}, {"Origin", origin}});
  };
  EXPECT_EQ(status("https://queue.example"), 200);
  EXPECT_EQ(status("https://lab.example:8443"), 200);
  EXPECT_EQ(status("https://queue.example:8443"), 403);
  EXPECT_EQ(status("https://lab.example"), 403);
  EXPECT_EQ(StatusOf(guard, {{"Host", "queue.example:81"}, {"Origin", "http://queue.example:81"}}),
            200);
}

TEST(Guard, BeyondLoopbackWithoutATokenOnlyHostsThatNoForeignPageCanHavePass) {
  const Guard guard({.listen_host = "0.0.0.0"});
  for (const char* host : {"10.0.0.5:7373", "[fd00::1]:7373", "localhost", "treadle:7373"})
    EXPECT_EQ(StatusOf(guard, {{"Host", host}}), 200) << host;
  for (const char* host : {"evil.example", "evil.example:7373", "10.0.0.5.nip.io", ""})
    EXPECT_EQ(StatusOf(guard, {{"Host", host}}), 403) << host;
  const char* host = "10.0.0.5:7373";
  EXPECT_EQ(StatusOf(guard, {{"Host", host}, {"Origin", "http://10.0.0.5:7373"}}), 200);
  EXPECT_EQ(StatusOf(guard, {{"Host", host}, {"Origin", "http://10.0.0.6:7373"}}), 403);
  EXPECT_EQ(StatusOf(guard, {{"Host", host}, {"Origin", "http://localhost:7373"}}), 403);
}

TEST(Guard, BeyondLoopbackWithATokenOnlyTheOriginMustBeTheHost) {
  const Guard guard({.listen_host = "10.0.0.5", .token = "s3cret"});
  const auto status = [&](Headers headers) {
    headers.emplace_back("Authorization", "Bearer s3cret");
    return StatusOf(guard, headers);
  };
  EXPECT_EQ(status({{"Host", "any.example"}}), 200);
  EXPECT_EQ(status({{"Host", "any.example"}, {"Origin", "http://any.example"}}), 200);
  EXPECT_EQ(status({{"Host", "any.example"}, {"Origin", "http://any.example:3000"}}), 403);
  EXPECT_EQ(status({{"Host", "any.example"}, {"Origin", "http://evil.example"}}), 403);
}

TEST(Guard, ARefusalNamesTheSettingThatWouldAllowIt) {
  const Guard guard({.listen_host = "127.0.0.1"});
  for (const Headers& headers :
       {Headers{{"Host", "queue.example"}}, {{"Host", "localhost"}, {"Origin", "http://a.b"}}}) {
    Request request{.target = "/"};
    for (const auto& [name, value] : headers) request.headers.Add(name, value);
    const auto refusal = guard.Check(request);
    ASSERT_TRUE(refusal);
    EXPECT_NE(refusal->body.find("security.allowed_hosts"), std::string::npos) << refusal->body;
  }
}

TEST(Guard, EverythingExceptTheProbesNeedsTheToken) {
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

TEST(Guard, A401NamesTheWayToAuthenticate) {
  const Guard guard({.listen_host = "127.0.0.1", .token = "s3cret"});
  Request request{.target = "/"};
  request.headers.Add("Host", "localhost");
  const auto refusal = guard.Check(request);
  ASSERT_TRUE(refusal);
  ASSERT_EQ(refusal->headers.size(), 1u);
  EXPECT_EQ(refusal->headers[0].name, "WWW-Authenticate");
}

TEST(ListenPolicy, OtherMachinesNeedATokenOrExplicitPermission) {
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
