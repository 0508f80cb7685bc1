// What the server refuses, and what it survives.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <thread>

#include "http/server_fixture.h"

namespace treadle::http {
namespace {

TEST_F(ServerTest, MalformedRequestsAreRefusedAndTheConnectionEnds) {
  Start();
  for (const char* request :
       {"nonsense\r\n\r\n", "GET /hello HTTP/3.7\r\nHost: a\r\n\r\n", "GET /hello HTTP/1.1\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost : a\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
        "chunked\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}) {
    RawClient client(port());
    const Response response = client.Ask(request);
    EXPECT_EQ(response.status, 400) << request;
    EXPECT_EQ(response.content_type, "application/problem+json");
    EXPECT_EQ(RawClient::HeaderOf(response, "Connection"), "close");
    EXPECT_TRUE(client.WaitForClose()) << request;
  }
}

TEST_F(ServerTest, AnUnknownTransferEncodingIsNotImplemented) {
  Start();
  for (const char* encoding : {"gzip, chunked", "identity", "chunked, identity"}) {
    RawClient client(port());
    EXPECT_EQ(client
                  .Ask("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " +
                       std::string(encoding) + "\r\n\r\n0\r\n\r\n")
                  .status,
              501)
        << encoding;
  }
}

TEST_F(ServerTest, ATargetWithAuthorityIsSplit) {
  Start({}, [](const Request& request) -> std::optional<Response> {
    if (request.Header("Host") == "proxy:1") return std::nullopt;
    return Response{.status = 403};
  });
  RawClient client(port());
  EXPECT_EQ(client.Ask("GET http://proxy:1/hello HTTP/1.1\r\nHost: other\r\n\r\n").body, "hello");
}

TEST_F(ServerTest, ChunkedBodiesAreJoinedAndTheirTrailersDropped) {
  Start();
  RawClient client(port());
  const std::string request =
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5;x=1\r\nhello\r\n7\r\n, world\r\n0\r\nHost: evil\r\n\r\n";
  EXPECT_EQ(client.Ask(request).body, "hello, world");
  for (const char c : request) client.Send(std::string_view(&c, 1));
  EXPECT_EQ(client.ReadResponse().body, "hello, world");
}

TEST_F(ServerTest, ExpectContinueIsAnsweredBeforeTheBody) {
  Start();
  RawClient client(port());
  const std::string head =
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
  EXPECT_EQ(client.Ask(head).status, 100);
  EXPECT_EQ(client.Ask("body").body, "body");
  EXPECT_EQ(client.Ask(head + "body").body, "body");  // one that does not wait is not told
}

TEST_F(ServerTest, ExpectContinueIsNotGivenToABodyThatIsTooLarge) {
  Start({.body_bytes_max = 10});
  RawClient client(port());
  EXPECT_EQ(client
                .Ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n"
                     "Expect: 100-continue\r\n\r\n")
                .status,
            413);
}

TEST_F(ServerTest, TheGuardRefusesBeforeTheBodyIsRead) {
  Start({}, [](const Request& request) -> std::optional<Response> {
    if (request.method == Method::kGet) return Response{.status = 403};
    return Response{.status = 401};
  });
  RawClient client(port());
  EXPECT_EQ(client.Get("/hello").status, 403);
  EXPECT_EQ(client.Get("/hello").status, 403);  // no body: the connection goes on
  const Response response =
      client.Ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(RawClient::HeaderOf(response, "Connection"), "close");
}

TEST_F(ServerTest, TooLargeHeadersAreRefused) {
  Start({.header_bytes_max = 4'096});
  RawClient at_once(port());
  EXPECT_EQ(at_once.Ask("GET /hello HTTP/1.1\r\nX: " + std::string(5'000, 'x')).status, 431);
  RawClient target(port());
  EXPECT_EQ(target.Ask("GET /" + std::string(5'000, 'x')).status, 431);
}

TEST_F(ServerTest, TooLargeHeadersAreRefusedEvenLineByLine) {
  Start({.header_bytes_max = 4'096});
  RawClient client(port());
  client.Send("GET /hello HTTP/1.1\r\nHost: a\r\n");
  for (int i = 0; i < 100; ++i)
    client.Send("X-" + std::to_string(i) + ": " + std::string(50, 'x') + "\r\n");
  EXPECT_EQ(client.ReadResponse().status, 431);
}

TEST_F(ServerTest, EndlessChunkHeadersAndTrailersAreRefused) {
  Start();
  const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  RawClient chunk(port());
  EXPECT_EQ(chunk.Ask(head + "1;" + std::string(40'000, 'x')).status, 431);
  RawClient trailer(port());
  EXPECT_EQ(trailer.Ask(head + "0\r\nX: " + std::string(40'000, 'x')).status, 431);
}

TEST_F(ServerTest, TooLargeBodiesAreRefusedByTheirContentLength) {
  Start({.body_bytes_max = 1'000});
  RawClient client(port());
  EXPECT_EQ(client.Ask(Post(std::string(1'000, 'x'))).status, 200);
  const Response response =
      client.Ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_EQ(response.status, 413);
  client.Close();
}

TEST_F(ServerTest, TooLargeChunkedBodiesAreRefusedWhereTheyExceed) {
  Start({.body_bytes_max = 100'000});
  RawClient client(port());
  client.Send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "c350\r\n" + std::string(50'000, 'x') + "\r\n";
  for (int i = 0; i < 200 && client.Send(chunk); ++i) continue;
  EXPECT_EQ(client.ReadResponse().status, 413);
}

TEST_F(ServerTest, AnIncompleteRequestTimesOut) {
  Start({.read_timeout_ms = 40});
  RawClient header(port());
  EXPECT_EQ(header.Ask("GET /hello HT").status, 408);
  EXPECT_TRUE(header.WaitForClose());
  RawClient body(port());
  EXPECT_EQ(body.Ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab").status, 408);
  EXPECT_TRUE(body.WaitForClose());
}

TEST_F(ServerTest, AnIdleConnectionIsClosedSilently) {
  Start({.idle_timeout_ms = 40});
  RawClient fresh(port());
  EXPECT_TRUE(fresh.WaitForClose());
  RawClient used(port());
  EXPECT_EQ(used.Get("/hello").status, 200);
  EXPECT_TRUE(used.WaitForClose());
}

TEST_F(ServerTest, AWaitingRequestHasNoTimeout) {
  Start({.idle_timeout_ms = 20, .read_timeout_ms = 20, .write_timeout_ms = 20});
  RawClient client(port());
  client.Send("GET /wait/x HTTP/1.1\r\nHost: a\r\n\r\n");
  auto item = waiting_.Take();
  RawClient clock(port());
  EXPECT_TRUE(clock.WaitForClose());  // that is: 20 ms and more have passed
  RawClient clock_again(port());
  EXPECT_TRUE(clock_again.WaitForClose());
  item.responder.Send({.body = "late"});
  EXPECT_EQ(client.ReadResponse().body, "late");
}

TEST_F(ServerTest, ConnectionsOverTheLimitAreTurnedAwayUntilThereIsRoom) {
  Start({.connections_max = 2});
  RawClient first(port());
  RawClient second(port());
  EXPECT_EQ(first.Get("/hello").status, 200);
  EXPECT_EQ(second.Get("/hello").status, 200);
  RawClient third(port());
  const Response response = third.ReadResponse();
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(RawClient::HeaderOf(response, "Retry-After"), "1");
  third.Close();
  first.Close();
  while (server_->Stats().connections_open > 1) std::this_thread::yield();
  RawClient fourth(port());
  EXPECT_EQ(fourth.Get("/hello").status, 200);
  EXPECT_EQ(server_->Stats().connections_refused, 1u);
}

TEST_F(ServerTest, TheListenerSurvivesRunningOutOfDescriptors) {
#ifdef __has_feature  // clang
#if __has_feature(address_sanitizer)
  GTEST_SKIP() << "without a free descriptor UBSan takes every vptr for invalid: it looks at "
                  "memory through a pipe";
#endif
#endif
  Start();
  RawClient client;
  rlimit usual{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
  rlimit none = usual;
  none.rlim_cur = static_cast<rlim_t>(client.fd()) + 1;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  client.Connect(port());
  while (server_->Stats().accept_failures == 0) std::this_thread::yield();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
  EXPECT_EQ(client.Get("/hello").status, 200);
}

}  // namespace
}  // namespace treadle::http
