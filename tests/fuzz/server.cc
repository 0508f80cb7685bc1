// Requests to a whole node. An input is a script of line pairs: "POST /v1/tasks" and the body.
// "+500" advances time by half a second, and "!" is a kill -9 and a restart. Every request must be
// answered exactly once, match its content type and never return a 500. The engine's state must be
// consistent and must survive a restart.

#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include "api/routes.h"
#include "base/check.h"
#include "engine/engine.h"
#include "http/router.h"
#include "json/reader.h"
#include "sim/state_digest.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/node_fixture.h"

namespace treadle::fuzz {
namespace {

constexpr int kStepsMax = 40;
constexpr int64_t kAdvanceMaxMs = 100'000;

class Sink final : public http::ResponderSink {
 public:
  void Deliver(uint64_t, http::Response response, Done done) override {
    TREADLE_CHECK(!std::exchange(answered_, true));
    Check(response);
    if (done) done(true);
  }
  void WatchDisconnect(uint64_t, std::function<void()>) override {}
  void Run(std::function<void()> work) override { work(); }
  bool answered() const { return answered_; }

 private:
  static void Check(const http::Response& response) {
    TREADLE_CHECK(response.status >= 200 && response.status < 600 && response.status != 500);
    const bool is_json = response.content_type == "application/json" ||
                         response.content_type == "application/problem+json";
    if (is_json) TREADLE_CHECK(CheckJson(response.body, "answer").ok());
  }

  bool answered_ = false;
};

class Server {
 public:
  Server() { MakeRouter(); }

  void Serve(std::string_view line, std::string_view body) {
    const size_t blank = std::min(line.find(' '), line.size());
    http::Request request{.method = http::MethodFromName(line.substr(0, blank)),
                          .target = std::string(line.substr(std::min(blank + 1, line.size()))),
                          .body = std::string(body)};
    request.headers.Add("Content-Type", "application/json");
    sinks_.push_back(std::make_shared<Sink>());
    router_->Dispatch(std::move(request), http::Responder(sinks_.back(), sinks_.size()));
  }
  void Advance(int64_t ms) { fixture_.executor()->Advance(ms); }
  void Restart() {
    const uint64_t before = CheckState();
    sinks_.clear();  // pending answers never arrive
    router_.reset();
    fixture_.Restart();
    MakeRouter();
    TREADLE_CHECK(CheckState() == before);
  }
  // Every request must be answered, at the latest after the longest wait.
  void CheckAnswers() {
    Advance(2 * kAdvanceMaxMs);
    for (const auto& sink : sinks_) TREADLE_CHECK(sink->answered());
  }

 private:
  void MakeRouter() {
    router_ = api::MakeRouter(fixture_.node(), {.version = "1", .data_directory = "/data"});
  }
  uint64_t CheckState() {
    const Engine& engine = fixture_.node()->engine_for_tests();
    engine.state().CheckInvariants();
    return sim::StateDigest(engine);
  }

  NodeFixture fixture_;
  std::shared_ptr<const http::Router> router_;
  std::vector<std::shared_ptr<Sink>> sinks_;
};

}  // namespace

TREADLE_FUZZ_TARGET(server) {
  Input in(input);
  Server node;
  for (int step = 0; step < kStepsMax && !in.empty(); ++step) {
    const std::string_view line = in.Line();
    if (line.starts_with('+')) {
      int64_t ms = 0;
      std::from_chars(line.data() + 1, line.data() + line.size(), ms);
      node.Advance(std::clamp<int64_t>(ms, 0, kAdvanceMaxMs));
    } else if (line == "!") {
      node.Restart();
    } else {
      node.Serve(line, in.Line());
    }
  }
  node.CheckAnswers();
  node.Restart();
}

}  // namespace treadle::fuzz
