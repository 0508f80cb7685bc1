#include "client/connection.h"

#include <gtest/gtest.h>

#include <future>

#include "client/server_address.h"
#include "client/test_server.h"

namespace treadle {
namespace {

using testing::TestRequest;
using testing::TestServer;

std::unique_ptr<ServerConnection> ClientOf(const TestServer& server, std::string token = "") {
  return *ServerConnection::Make({.server = server.url(), .token = std::move(token)});
}

std::future<Result<ServerAnswer>> CallLater(ServerConnection* client, int64_t timeout_ms = 20'000) {
  return std::async(std::launch::async,
                    [=] { return client->Call("POST", "/v1/x", "{}", timeout_ms); });
}

TEST(ServerAddress, ReadsNamesAddressesAndPorts) {
  EXPECT_EQ(ServerAddress::Parse("http://127.0.0.1:80/")->Url(), "http://127.0.0.1:80");
  EXPECT_EQ(ServerAddress::Parse("queue.example")->Url(), "http://queue.example:7373");
  EXPECT_EQ(ServerAddress::Parse("[::1]:9")->Url(), "http://[::1]:9");
  EXPECT_EQ(ServerAddress::Parse("http://[::1]")->host, "::1");
}

TEST(ServerAddress, RefusesWhatItCannotRead) {
  for (const char* text : {"", "http://", "https://", "https://a:0", "a:b", "a:0", "a:65536", "a/b",
                           "u@a", "http://[::1", "a:1:2", "a\r\nb", "[::1]x", "[::1]x80",
                           "[::1].80", "[a]:80", "[fe80%:1]"}) {
    const auto address = ServerAddress::Parse(text);
    ASSERT_FALSE(address.ok()) << text;
    EXPECT_EQ(address.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(ServerConnection::Make({.server = text}).status().code(), Code::kInvalidArgument);
  }
}

TEST(Connection, SendsTheRequestAndReturnsTheAnswer) {
  TestServer server;
  const auto client = ClientOf(server, "s3cret");
  auto call = CallLater(client.get());
  const TestRequest request = server.Next();
  EXPECT_TRUE(request.head.starts_with("POST /v1/x HTTP/1.1\r\n")) << request.head;
  for (const char* header :
       {"Authorization: Bearer s3cret\r\n", "Content-Type: application/json", "Host: 127.0.0.1:"}) {
    EXPECT_NE(request.head.find(header), std::string::npos) << header;
  }
  EXPECT_EQ(request.body, "{}");
  TestServer::Send(request,
                   "HTTP/1.1 201 Created\r\nTreadle-Sha256: ab\r\nContent-Length: 2\r\n\r\nok");
  const auto response = call.get();
  ASSERT_TRUE(response.ok()) << response.status().ToString();
  EXPECT_EQ(response->http_status, 201);
  EXPECT_EQ(response->body, "ok");
  EXPECT_EQ(response->headers[0], std::make_pair(std::string("treadle-sha256"), std::string("ab")));
}

TEST(Connection, KeepsTheConnection) {
  TestServer server;
  const auto client = ClientOf(server);
  auto first = CallLater(client.get());
  const TestRequest one = server.Next();
  TestServer::Answer(one, 200, "{}");
  EXPECT_TRUE(first.get().ok());
  auto second = CallLater(client.get());
  const TestRequest two = server.Next();
  TestServer::Answer(two, 200, "{}");
  EXPECT_TRUE(second.get().ok());
  EXPECT_EQ(one.connection, two.connection);
}

TEST(Connection, AKeptConnectionThatWasClosedIsReopenedOnce) {
  TestServer server;
  const auto client = ClientOf(server);
  auto first = CallLater(client.get());
  TestRequest request = server.Next();
  TestServer::Answer(request, 200, "{}");
  EXPECT_TRUE(first.get().ok());

  auto second = CallLater(client.get());
  request = server.Next();
  TestServer::Break(request);
  request = server.Next();
  TestServer::Break(request);
  const auto response = second.get();
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.status().code(), Code::kUnavailable) << response.status().ToString();
}

TEST(Connection, AnAnswerThatBreaksOffIsUnavailable) {
  TestServer server;
  const auto client = ClientOf(server);
  auto call = CallLater(client.get());
  const TestRequest request = server.Next();
  TestServer::Send(request, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf");
  TestServer::Break(request);
  EXPECT_EQ(call.get().status().code(), Code::kUnavailable);
}

TEST(Connection, ProblemsBecomeStatuses) {
  TestServer server;
  const auto client = ClientOf(server);
  auto call = CallLater(client.get());
  TestServer::Answer(
      server.Next(), 503,
      R"({"code":"RESOURCE_EXHAUSTED","detail":"the disk is full","retry_after_ms":250})",
      "application/problem+json");
  const Status status = call.get().status();
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_EQ(status.message(), "the disk is full");
  EXPECT_EQ(status.retry_after_ms(), 250);
}

TEST(Connection, AProxysErrorPageBecomesAStatus) {
  TestServer server;
  const auto client = ClientOf(server);
  auto call = CallLater(client.get());
  TestServer::Answer(server.Next(), 502, "<html>", "text/html");
  EXPECT_EQ(
      call.get().status().ToString(),
      "UNAVAILABLE: the server returned HTTP 502 without a reason; is it a Treadle server? Check "
      "the address and any proxy in between");
}

TEST(Connection, AnUnreachableServerIsNamed) {
  TestServer server;
  server.Stop();
  const auto client = ClientOf(server);
  const auto response = client->Call("GET", "/v1/info", "", 20'000);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.status().code(), Code::kUnavailable);
  EXPECT_EQ(response.status().message(),
            "cannot reach a Treadle server at " + server.url() + ": Connection refused");
}

TEST(Connection, SilenceEndsWithTheDeadline) {
  TestServer server;
  const auto client = ClientOf(server);
  EXPECT_EQ(client->Call("GET", "/", "", 50).status().code(), Code::kDeadlineExceeded);
  auto call = CallLater(client.get());
  TestRequest request = server.Next();
  request = server.Next();
  TestServer::Answer(request, 200, "{}");
  EXPECT_TRUE(call.get().ok()) << "a new connection is made after a timeout";
}

TEST(Connection, CancelEndsTheCurrentCallAndAllLaterOnes) {
  TestServer server;
  const auto client = ClientOf(server);
  auto call = CallLater(client.get());
  (void)server.Next();
  client->Cancel();
  EXPECT_EQ(call.get().status().code(), Code::kCancelled);
  EXPECT_EQ(client->Call("GET", "/", "", 20'000).status().code(), Code::kCancelled);
}

TEST(Connection, LargeBodiesGoBothWays) {
  TestServer server;
  const auto client = ClientOf(server);
  const std::string large(5'000'000, 'x');
  auto call =
      std::async(std::launch::async, [&] { return client->Call("POST", "/", large, 20'000); });
  const TestRequest request = server.Next();
  EXPECT_EQ(request.body, large);
  TestServer::Answer(request, 200, large);
  EXPECT_EQ(call.get()->body, large);
}

TEST(Connection, AnAnswerMayComeByteByByte) {
  TestServer server;
  const auto client = ClientOf(server);
  auto call = CallLater(client.get());
  const TestRequest request = server.Next();
  for (const char c : std::string("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    TestServer::Send(request, std::string(1, c));
  const auto response = call.get();
  ASSERT_TRUE(response.ok()) << response.status().ToString();
  EXPECT_EQ(response->body, "ok");
}

TEST(Connection, AnAnswerInChunksIsPutTogether) {
  TestServer server;
  const auto client = ClientOf(server);
  auto call = CallLater(client.get());
  TestServer::Send(server.Next(),
                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(call.get()->body, "abcde");
}

TEST(Connection, UnrequestedDataIsNoAnswerToTheNextRequest) {
  TestServer server;
  const auto client = ClientOf(server);
  auto first = CallLater(client.get());
  const TestRequest one = server.Next();
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n";
  TestServer::Send(one, answer + "1" + answer + "X");
  EXPECT_EQ(first.get()->body, "1");
  auto second = CallLater(client.get());
  const TestRequest two = server.Next();
  EXPECT_NE(one.connection, two.connection);
  TestServer::Send(two, answer + "2");
  EXPECT_EQ(second.get()->body, "2");
}

TEST(Connection, AHeadWithoutEndIsRefused) {
  TestServer server;
  const auto client = ClientOf(server);
  auto call = CallLater(client.get());
  TestServer::Send(server.Next(), "HTTP/1.1 200 OK\r\nA: " + std::string(100'000, 'x'));
  EXPECT_EQ(call.get().status().code(), Code::kUnavailable);
}

TEST(Connection, AnAnswerBeyondTheLimitIsRefused) {
  TestServer server;
  const auto client = ClientOf(server);
  auto call = CallLater(client.get());
  TestServer::Send(server.Next(), "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n");
  EXPECT_EQ(call.get().status().code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace treadle
