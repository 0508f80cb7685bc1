// What the bodies of all connections may hold together, and what becomes of those beyond it.
#include <gtest/gtest.h>

#include <thread>

#include "http/server_fixture.h"

namespace treadle::http {
namespace {

// More than the system takes off the server's hands when the peer does not read.
constexpr size_t kLarge = 12'000'000;

class ServerMemoryTest : public ServerTest {
 protected:
  ServerMemoryTest() {
    const auto router = std::make_shared<Router>();
    const auto large = [](const RequestContext&, Responder responder) {
      responder.Send({.body = std::string(kLarge, 'l')});
    };
    router->Add(Method::kGet, "/large", large);
    router->Add(Method::kPost, "/large", large);
    router->Add(Method::kPost, "/again", [](const RequestContext&, Responder responder) {
      responder.Send({.body = std::string(kLarge, 'a'), .can_be_had_again = true});
    });
    router->Add(Method::kPost, "/wait", waiting_.AsHandler());
    router->Add(Method::kPost, "/echo", [](RequestContext context, Responder responder) {
      responder.Send({.body = std::move(context.request.body)});
    });
    router_ = router;
  }

  template <class Fits>
  void UntilBodies(Fits fits) {
    while (!fits(server_->Stats().bodies_bytes)) std::this_thread::yield();
  }
  static std::string PostTo(const std::string& path, size_t size) {
    return "POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(size) +
           "\r\n\r\n" + std::string(size, 'x');
  }
};

TEST_F(ServerMemoryTest, ABodyBeyondTheTotalLimitIsRefusedUntilAnotherIsDone) {
  // Room for one body, however its buffer grows: to its size, or to twice what came before.
  Start({.threads = 2, .bodies_bytes_max = 280'000});
  const std::string post = PostTo("/echo", 150'000);
  RawClient slow(port());
  const size_t head_bytes = post.size() - 150'000;
  slow.Send(post.substr(0, head_bytes + 140'000));
  // All that was sent has arrived, so that its buffer does not grow again beside the other body.
  UntilBodies([](size_t bytes) { return bytes >= 140'000; });
  RawClient refused(port());
  const Response refusal = refused.Ask(post);
  EXPECT_EQ(refusal.status, 503);
  EXPECT_EQ(RawClient::HeaderOf(refusal, "Retry-After"), "1");
  EXPECT_TRUE(refused.WaitForClose());
  EXPECT_EQ(server_->Stats().bodies_refused, 1u);
  RawClient small(port());
  EXPECT_EQ(small.Ask(PostTo("/echo", 10'000)).status, 200);
  slow.Send(post.substr(head_bytes + 140'000));
  EXPECT_EQ(slow.ReadResponse().body.size(), 150'000u);
  UntilBodies([](size_t bytes) { return bytes == 0; });
  RawClient later(port());
  EXPECT_EQ(later.Ask(post).status, 200);
}

TEST_F(ServerMemoryTest, ABodyInChunksCountsAsFarAsItHasArrived) {
  Start({.bodies_bytes_max = 300'000});
  RawClient client(port());
  client.Send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "c350\r\n" + std::string(50'000, 'x') + "\r\n";
  for (int i = 0; i < 200 && client.Send(chunk); ++i) continue;
  EXPECT_EQ(client.ReadResponse().status, 503);
}

TEST_F(ServerMemoryTest, ABodyCountsUntilItsRequestIsAnsweredEvenIfThePeerHasGone) {
  Start();
  for (const bool stays : {true, false}) {
    RawClient client(port());
    client.Send(PostTo("/wait", 100'000));
    auto item = waiting_.Take();
    EXPECT_GE(server_->Stats().bodies_bytes, 100'000u);
    if (!stays) {
      client.Close();
      while (server_->Stats().connections_open > 0) std::this_thread::yield();
      EXPECT_GE(server_->Stats().bodies_bytes, 100'000u);
    }
    item.responder.Send({});
    UntilBodies([](size_t bytes) { return bytes == 0; });
  }
}

TEST_F(ServerMemoryTest, ABodyThatNeverEndsGivesItsMemoryBackWithTheRefusal) {
  Start({.read_timeout_ms = 40});
  RawClient client(port());
  client.Send(PostTo("/echo", 150'000).substr(0, 100'000));
  EXPECT_EQ(client.ReadResponse().status, 408);
  EXPECT_EQ(server_->Stats().bodies_bytes, 0u);
}

TEST_F(ServerMemoryTest, ARepeatableAnswerIsRefusedWhileOthersAreNotRead) {
  Start({.bodies_bytes_max = kLarge});
  RawClient lazy(port());
  lazy.Send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  UntilBodies([](size_t bytes) { return bytes == kLarge; });
  RawClient client(port());
  EXPECT_EQ(client.Get("/large").status, 503);
  EXPECT_EQ(client.Ask(PostTo("/again", 1)).status, 503);  // and the connection goes on
  EXPECT_EQ(server_->Stats().bodies_refused, 2u);
  EXPECT_EQ(lazy.ReadResponse().body.size(), kLarge);
  UntilBodies([](size_t bytes) { return bytes == 0; });
  EXPECT_EQ(client.Get("/large").body.size(), kLarge);
}

TEST_F(ServerMemoryTest, AnUnrepeatableAnswerIsAlwaysSent) {
  Start({.bodies_bytes_max = 100'000});
  RawClient client(port());
  EXPECT_EQ(client.Ask(PostTo("/large", 1)).body.size(), kLarge);
  UntilBodies([](size_t bytes) { return bytes == 0; });
  EXPECT_EQ(server_->Stats().bodies_refused, 0u);
}

TEST_F(ServerMemoryTest, AnAnswerThatIsNotReadTimesOut) {
  Start({.write_timeout_ms = 40});
  RawClient lazy(port());
  lazy.Send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  UntilBodies([](size_t bytes) { return bytes > 0; });
  UntilBodies([](size_t bytes) { return bytes == 0; });
  EXPECT_EQ(lazy.ReadResponse().status, 0);
}

}  // namespace
}  // namespace treadle::http
