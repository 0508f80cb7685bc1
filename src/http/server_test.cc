#include "http/server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "http/server_fixture.h"

namespace treadle::http {
namespace {

TEST_F(ServerTest, KeepsTheConnectionForTheNextRequest) {
  Start();
  RawClient client(port());
  for (int i = 0; i < 3; ++i) {
    const Response response = client.Get("/hello");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.content_type, "text/plain");
    EXPECT_EQ(response.body, "hello");
    EXPECT_EQ(RawClient::HeaderOf(response, "Connection"), "");
    EXPECT_EQ(RawClient::HeaderOf(response, "Date").size(), 29u);
  }
  EXPECT_EQ(server_->Stats().connections_accepted, 1u);
  EXPECT_EQ(server_->Stats().answers[2], 3u);
}

TEST_F(ServerTest, ClosesWhenAskedTo) {
  Start();
  RawClient client(port());
  const Response response =
      client.Ask("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(response.body, "hello");
  EXPECT_EQ(RawClient::HeaderOf(response, "Connection"), "close");
  EXPECT_TRUE(client.WaitForClose());
}

TEST_F(ServerTest, Http10ClosesUnlessAskedToKeepAlive) {
  Start();
  RawClient kept(port());
  const std::string request = "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(RawClient::HeaderOf(kept.Ask(request), "Connection"), "keep-alive");
  EXPECT_EQ(kept.Ask(request).status, 200);
  RawClient closed(port());
  EXPECT_EQ(closed.Ask("GET /hello HTTP/1.0\r\n\r\n").body, "hello");
  EXPECT_TRUE(closed.WaitForClose());
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  Start();
  RawClient client(port());
  client.Send(
      "GET /wait/first HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET /wait/third HTTP/1.1\r\nHost: a\r\n\r\n");
  auto first = waiting_.Take();
  EXPECT_TRUE(waiting_.empty());
  std::thread([responder = std::move(first.responder)]() mutable {
    responder.Send({.body = "first"});
  }).join();
  EXPECT_EQ(client.ReadResponse().body, "first");
  EXPECT_EQ(client.ReadResponse().body, "hello");
  waiting_.Take().responder.Send({.body = "third"});
  EXPECT_EQ(client.ReadResponse().body, "third");
}

TEST_F(ServerTest, AnswersFromOtherThreadsFindTheirConnections) {
  Start({.threads = 2});
  std::vector<std::unique_ptr<RawClient>> clients;
  std::vector<Waiting::Item> items;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<RawClient>(port()));
    clients.back()->Send("GET /wait/" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    items.push_back(waiting_.Take());
  }
  std::thread([&] {
    for (auto item = items.rbegin(); item != items.rend(); ++item) {
      item->responder.Send({.body = item->context.PathParameter("name")});
    }
  }).join();
  for (size_t i = 0; i < clients.size(); ++i) {
    EXPECT_EQ(clients[i]->ReadResponse().body, std::to_string(i));
  }
}

TEST_F(ServerTest, BytesThatCameWhileARequestWaitedAreTheNextRequest) {
  Start();
  RawClient client(port());
  client.Send("GET /wait/x HTTP/1.1\r\nHost: a\r\n\r\n");
  auto item = waiting_.Take();
  const std::string body(40'000, 'b');
  const std::string next = Post(body);
  client.Send(next.substr(0, 10'000));
  auto written = SendAndWatch(std::move(item.responder), {.body = "waited"});
  EXPECT_TRUE(written.get());
  client.Send(next.substr(10'000));
  EXPECT_EQ(client.ReadResponse().body, "waited");
  EXPECT_EQ(client.ReadResponse().body, body);
}

TEST_F(ServerTest, RequestsLargerThanTheReadAheadSurviveAWait) {
  Start();
  RawClient client(port());
  const std::string body(1'000'000, 'c');
  client.Send("GET /wait/x HTTP/1.1\r\nHost: a\r\n\r\n");
  std::thread sender([&] { client.Send(Post(body)); });
  waiting_.Take().responder.Send({.body = "waited"});
  EXPECT_EQ(client.ReadResponse().body, "waited");
  EXPECT_EQ(client.ReadResponse().body, body);
  sender.join();
}

TEST_F(ServerTest, RequestsThatArriveByteByByteAreWhole) {
  Start();
  RawClient client(port());
  for (const char c : Post("body")) client.Send(std::string_view(&c, 1));
  EXPECT_EQ(client.ReadResponse().body, "body");
}

TEST_F(ServerTest, HeadHasTheHeadersOfGetAndNoBody) {
  Start();
  RawClient client(port());
  client.Send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  const Response head = client.ReadResponse(/*is_head=*/true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(RawClient::HeaderOf(head, "Content-Length"), "5");
  EXPECT_EQ(client.Get("/hello").body, "hello");
}

TEST_F(ServerTest, UnknownPathsAndMethodsKeepTheConnection) {
  Start();
  RawClient client(port());
  EXPECT_EQ(client.Get("/nothing").status, 404);
  const Response response = client.Ask("DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(RawClient::HeaderOf(response, "Allow"), "GET, HEAD");
  EXPECT_EQ(client.Get("/hello").status, 200);
}

TEST_F(ServerTest, AForgottenRequestIsAnswered500) {
  Start();
  RawClient client(port());
  EXPECT_EQ(client.Get("/drop").status, 500);
  EXPECT_EQ(client.Get("/hello").status, 200);
}

TEST_F(ServerTest, DoneReportsThatTheAnswerWasWritten) {
  Start();
  RawClient client(port());
  client.Send("GET /wait/x HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(SendAndWatch(waiting_.Take().responder, {.body = "x"}).get());
  EXPECT_EQ(client.ReadResponse().body, "x");
}

TEST_F(ServerTest, APeerThatGoesAwayIsNoticedAndItsAnswerIsNotWritten) {
  Start();
  for (const bool with_reset : {false, true}) {
    RawClient client(port());
    client.Send("GET /wait/x HTTP/1.1\r\nHost: a\r\n\r\n");
    auto item = waiting_.Take();
    std::promise<void> gone;
    item.responder.OnDisconnect([&] { gone.set_value(); });
    with_reset ? client.Reset() : client.Close();
    gone.get_future().wait();
    EXPECT_FALSE(SendAndWatch(std::move(item.responder), {.body = "x"}).get());
  }
}

TEST_F(ServerTest, APeerThatHasGoneBeforeAnybodyWatchesIsStillNoticed) {
  Start();
  RawClient client(port());
  client.Send("GET /wait/x HTTP/1.1\r\nHost: a\r\n\r\n");
  auto item = waiting_.Take();
  client.Close();
  while (server_->Stats().connections_open > 0) std::this_thread::yield();
  std::promise<void> gone;
  item.responder.OnDisconnect([&] { gone.set_value(); });
  gone.get_future().wait();
}

TEST_F(ServerTest, APeerThatLeavesAfterItsAnswerIsNotReported) {
  Start();
  RawClient client(port());
  client.Send("GET /wait/x HTTP/1.1\r\nHost: a\r\n\r\n");
  auto item = waiting_.Take();
  const auto told = std::make_shared<std::atomic<bool>>(false);
  item.responder.OnDisconnect([told] { *told = true; });
  EXPECT_TRUE(SendAndWatch(std::move(item.responder), {}).get());
  EXPECT_EQ(client.ReadResponse().status, 200);
  client.Close();
  server_->Stop();
  EXPECT_FALSE(*told);
}

TEST_F(ServerTest, EveryAnswerGetsOneVerdictWhateverThePeersDoMeanwhile) {
  Start({.threads = 2});
  constexpr int kRequests = 200;
  std::atomic<int> verdicts = 0;
  std::atomic<int> gone = 0;
  std::thread answering([&] {
    for (int i = 0; i < kRequests; ++i) {
      auto item = waiting_.Take();
      item.responder.OnDisconnect([&] { ++gone; });
      item.responder.Send({.body = "x"}, [&](bool) { ++verdicts; });
    }
  });
  for (int i = 0; i < kRequests; ++i) {
    RawClient client(port());
    client.Send("GET /wait/x HTTP/1.1\r\nHost: a\r\n\r\n");
    if (i % 2 == 0) {
      EXPECT_EQ(client.ReadResponse().body, "x");
    } else if (i % 4 == 1) {
      client.Reset();
    }
  }
  answering.join();
  server_->Stop();
  EXPECT_EQ(verdicts, kRequests);
  EXPECT_LE(gone, kRequests / 2);
}

TEST_F(ServerTest, AnAnswerThatThePeerDoesNotReadIsNotWritten) {
  Start({.write_timeout_ms = 50});
  RawClient client(port());
  client.Send("GET /wait/x HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string large(64 * 1024 * 1024, 'x');
  EXPECT_FALSE(SendAndWatch(waiting_.Take().responder, {.body = large}).get());
}

TEST_F(ServerTest, LineBreaksInAnAnswersHeadersAddNoHeader) {
  Start();
  RawClient client(port());
  client.Send("GET /wait/x HTTP/1.1\r\nHost: a\r\n\r\n");
  waiting_.Take().responder.Send({.content_type = "a\r\nX-Bad: 1", .headers = {{"X-A", "b\nc"}}});
  const Response response = client.ReadResponse();
  EXPECT_EQ(RawClient::HeaderOf(response, "X-Bad"), "");
  EXPECT_EQ(response.content_type, "a  X-Bad: 1");
  EXPECT_EQ(RawClient::HeaderOf(response, "X-A"), "b c");
}

TEST_F(ServerTest, ALoopbackPeerIsKnownAsOne) {
  Start();
  RawClient client(port());
  client.Send("GET /wait/x HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(waiting_.Take().context.request.peer_is_loopback);
}

TEST_F(ServerTest, RequestsBeforeThereIsARouterAreAnswered503) {
  server_ = *Server::Listen({}, nullptr);
  RawClient client(port());
  client.Send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto early = client.ReadResponse();
  EXPECT_EQ(early.status, 503);
  EXPECT_EQ(RawClient::HeaderOf(early, "Retry-After"), "1");
  server_->Route(router_);
  client.Send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.ReadResponse().body, "hello");
}

TEST_F(ServerTest, APingIsAnsweredOnceEveryLoopIsFree) {
  std::promise<void> held;
  std::promise<void> entered;
  const auto router = std::make_shared<Router>();
  router->Add(Method::kGet, "/hold", [&](RequestContext, Responder responder) {
    entered.set_value();
    held.get_future().wait();
    responder.Send({});
  });
  router_ = router;
  Start({.threads = 3});
  RawClient client(port());
  client.Send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  entered.get_future().wait();
  std::promise<void> pinged;
  auto answer = pinged.get_future();
  server_->Ping([&pinged] { pinged.set_value(); });
  EXPECT_EQ(answer.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  held.set_value();
  answer.wait();
}

TEST_F(ServerTest, AnAddressInUseIsReportedClearly) {
  Start();
  const auto second = Server::Start({.port = port()}, router_, nullptr);
  EXPECT_EQ(second.status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(second.status().message(),
            "127.0.0.1:" + std::to_string(port()) +
                " is in use by another process; choose another with --listen");
}

TEST_F(ServerTest, AnInvalidHostIsRefused) {
  EXPECT_EQ(Server::Start({.host = "192.0.2.1"}, router_, nullptr).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(Server::Start({.host = "no such host"}, router_, nullptr).status().code(),
            Code::kInvalidArgument);
}

TEST_F(ServerTest, StopLetsTheCurrentRequestBeAnswered) {
  Start();
  RawClient idle(port());
  EXPECT_EQ(idle.Get("/hello").status, 200);
  RawClient client(port());
  client.Send("GET /wait/x HTTP/1.1\r\nHost: a\r\n\r\n");
  auto item = waiting_.Take();
  std::thread stopping([&] { server_->Stop(20'000); });
  EXPECT_TRUE(idle.WaitForClose());
  EXPECT_TRUE(SendAndWatch(std::move(item.responder), {.body = "last"}).get());
  const Response response = client.ReadResponse();
  EXPECT_EQ(response.body, "last");
  EXPECT_EQ(RawClient::HeaderOf(response, "Connection"), "close");
  EXPECT_TRUE(client.WaitForClose());
  stopping.join();
}

TEST_F(ServerTest, StopClosesWhatIsNotAnsweredInTime) {
  Start({.threads = 2});
  RawClient client(port());
  client.Send("GET /wait/x HTTP/1.1\r\nHost: a\r\n\r\n");
  auto item = waiting_.Take();
  std::promise<void> gone;
  item.responder.OnDisconnect([&] { gone.set_value(); });
  server_->Stop(1);
  server_->Stop(1);
  gone.get_future().wait();
  EXPECT_TRUE(client.WaitForClose());
  EXPECT_EQ(server_->Stats().connections_open, 0u);
  server_.reset();
  EXPECT_FALSE(SendAndWatch(std::move(item.responder), {}).get());
}

}  // namespace
}  // namespace treadle::http
