// What the tests of the server share: a real server on a free port, and handlers that a test steers
// from outside.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/thread_annotations.h"
#include "http/server.h"
#include "http/test_client.h"

namespace treadle::http {

/// Requests that wait for the test to answer them. Any thread.
class Waiting {
 public:
  struct Item {
    RequestContext context;
    Responder responder;
  };

  /// A handler that puts its requests here. This object must outlive the server.
  Handler AsHandler() {
    return [this](RequestContext context, Responder responder) {
      MutexLock lock(mutex_);
      items_.push_back({std::move(context), std::move(responder)});
      arrived_.notify_all();
    };
  }
  /// The next one, once it is there.
  Item Take() {
    MutexLock lock(mutex_);
    arrived_.wait(mutex_, [this]() TREADLE_REQUIRES(mutex_) { return !items_.empty(); });
    Item item = std::move(items_.front());
    items_.erase(items_.begin());
    return item;
  }
  bool empty() {
    MutexLock lock(mutex_);
    return items_.empty();
  }

 private:
  Mutex mutex_;
  std::condition_variable_any arrived_;
  std::vector<Item> items_ TREADLE_GUARDED_BY(mutex_);
};

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    const auto router = std::make_shared<Router>();
    router->Add(Method::kGet, "/hello", [](RequestContext, Responder responder) {
      responder.Send({.content_type = "text/plain", .body = "hello"});
    });
    router->Add(Method::kPost, "/echo", [](RequestContext context, Responder responder) {
      responder.Send({.body = std::move(context.request.body)});
    });
    router->Add(Method::kGet, "/wait/{name}", waiting_.AsHandler());
    router->Add(Method::kGet, "/drop", [](RequestContext, Responder) {});
    router_ = router;
  }

  void Start(ServerOptions options = {}, GuardFn guard = nullptr) {
    auto server = Server::Start(std::move(options), router_, std::move(guard));
    ASSERT_TRUE(server.ok()) << server.status().ToString();
    server_ = *std::move(server);
  }
  uint16_t port() const { return server_->port(); }

  static std::string Post(std::string_view body) {
    return "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + std::string(body);
  }

  Waiting waiting_;
  std::shared_ptr<const Router> router_;
  std::unique_ptr<Server> server_;
};

/// Sends, and promises what the completion says.
inline std::future<bool> SendAndWatch(Responder responder, Response response) {
  const auto written = std::make_shared<std::promise<bool>>();
  responder.Send(std::move(response), [written](bool ok) { written->set_value(ok); });
  return written->get_future();
}

}  // namespace treadle::http
