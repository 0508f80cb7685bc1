// FakeTreadle: the server's side of the exchange, played by a test; and a Worker in a thread. Only
// for tests.
//
// What the test does not look at is treated by the rules of the server: an exchange whose answer
// the worker has is refused; one that has news, may not wait, or comes after a newer one is
// answered at once; any other hangs on until the next comes. Exchanges on two connections may
// arrive in either order.
#pragma once

#include <gtest/gtest.h>
#include <simdjson.h>

#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "client/test_server.h"
#include "worker/pool.h"

namespace treadle::worker {

struct Asked {
  testing::TestRequest http;
  int64_t sequence = 0;
  int64_t answered = 0;
  int64_t want = 0;
  int64_t wait_ms = 0;
  std::string incarnation;
  std::vector<std::string> renew;
  std::map<std::string, std::string> reports;  // token → its JSON

  bool Reports(const std::string& token) const { return reports.contains(token); }
  bool Renews(const std::string& token) const {
    return std::find(renew.begin(), renew.end(), token) != renew.end();
  }
};

inline std::string LeaseJson(const std::string& id, const std::string& payload = "{}",
                             int64_t lease_ms = 30'000, const std::string& more = "") {
  return R"({"token":")" + id + R"(.1.1","id":")" + id +
         R"(","queue":"default","type":"t","attempt":1,"max_attempts":20,"lease_ms":)" +
         std::to_string(lease_ms) + more +
         R"(,"content_type":"application/json","payload_sha256":")" +
         ToHex(Sha256Of(payload).view()) + R"(","payload":)" + payload + "}";
}

class FakeTreadle {
 public:
  std::string url() const { return http_.url(); }

  /// The next exchange; it ends the parked one.
  Asked Next() { return NextBefore(testing::TestServer::Patience()); }
  /// The next exchange for which `holds`; others are parked.
  Asked NextWith(const std::function<bool(const Asked&)>& holds) {
    const auto deadline = testing::TestServer::Patience();
    while (true) {
      Asked asked = NextBefore(deadline);
      if (holds(asked)) return asked;
      Park(std::move(asked));
    }
  }
  Asked NextReporting(const std::string& token) {
    return NextWith([&](const Asked& asked) { return asked.Reports(token); });
  }
  /// Lets it hang on, if the server would.
  void Park(Asked asked) {
    if (asked.wait_ms == 0 || !asked.reports.empty() || asked.sequence < newest_) {
      Answer(asked);
    } else {
      parked_ = std::move(asked);
    }
  }

  /// Answers with leases (JSON, comma separated), lost tokens (quoted), and `code` for all reports,
  /// with `more` members of each.
  static void Answer(const Asked& asked, const std::string& leases = "",
                     const std::string& lost = "", const std::string& code = "OK",
                     const std::string& more = "") {
    std::string reports;
    for (const auto& [token, json] : asked.reports) {
      reports += (reports.empty() ? "" : ",") + (R"({"token":")" + token) + R"(","code":")" + code +
                 R"(","detail":"so")" + more + "}";
    }
    testing::TestServer::Answer(
        asked.http, 200,
        R"({"leases":[)" + leases + R"(],"reports":[)" + reports + R"(],"lost":[)" + lost + "]}");
  }
  /// Answers all that still comes, until the returned thread is destroyed.
  std::jthread ServeTheRest() {
    return std::jthread([this](const std::stop_token& quit) {
      while (auto request = http_.NextUnless(quit)) {
        if (std::optional<Asked> asked = Take(*std::move(request))) Park(*std::move(asked));
      }
    });
  }

  /// Breaks all connections and refuses new ones.
  void Stop() {
    http_.Stop();
    parked_.reset();
  }
  /// Again, after Stop(); what was asked before is forgotten.
  void Restart() {
    answered_ = 0;
    newest_ = 0;
    http_.Restart();
  }

 private:
  Asked NextBefore(testing::TestServer::TimePoint deadline) {
    while (true) {
      if (std::optional<Asked> asked = Take(http_.Next(deadline))) return *std::move(asked);
    }
  }
  // Nothing if it is refused.
  std::optional<Asked> Take(testing::TestRequest request) {
    Asked asked = Parse(std::move(request));
    if (asked.sequence <= answered_) {
      testing::TestServer::Answer(asked.http, 409, R"({"code":"ABORTED","detail":"it is old"})");
      return std::nullopt;
    }
    answered_ = std::max(answered_, asked.answered);
    newest_ = std::max(newest_, asked.sequence);
    if (parked_) Answer(*std::exchange(parked_, std::nullopt));
    return asked;
  }

  static Asked Parse(testing::TestRequest request) {
    Asked asked{.http = std::move(request)};
    simdjson::dom::parser parser;
    const simdjson::dom::element root = parser.parse(asked.http.body);
    asked.sequence = root["sequence"].get_int64();
    if (root["answered"].get_int64().get(asked.answered)) asked.answered = asked.sequence - 1;
    asked.want = root["want"].get_int64();
    asked.wait_ms = root["wait_ms"].get_int64();
    asked.incarnation = std::string_view(root["incarnation"]);
    for (auto token : root["renew"].get_array()) asked.renew.emplace_back(std::string_view(token));
    for (auto report : root["reports"].get_array())
      asked.reports[std::string(std::string_view(report["token"]))] = simdjson::minify(report);
    return asked;
  }

  testing::TestServer http_;
  int64_t answered_ = 0;
  int64_t newest_ = 0;
  std::optional<Asked> parked_;
};

inline std::string Text(const Asked& asked, const std::string& token) {
  return asked.reports.at(token);
}

/// Returns when its context is cancelled.
inline Outcome Echo(const Task& task, Context&) { return Completed{task.payload}; }

inline Outcome WaitForCancel(Context& context, Outcome outcome) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait(lock, context.stop_token(), [] { return false; });
  return outcome;
}

/// A point that one thread waits for and others reach.
class Signal {
 public:
  void Set() { promise_.set_value(); }
  void Wait() const {
    ASSERT_EQ(future_.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_ = promise_.get_future().share();
};

/// A worker that runs in a thread of its own and keeps its log.
class RunningPool {
 public:
  RunningPool(const std::string& url, Handler handler, PoolSettings options = {},
              std::chrono::milliseconds timeout = std::chrono::minutes(30),
              bool says_goodbye = false) {
    options.client.server = url;
    if (!says_goodbye) options.goodbye_ms = 0;  // most tests do not stay to answer it
    options.log = [this](std::string_view line) {
      MutexLock lock(mutex_);
      log_.append(line).append("\n");
      logged_.notify_all();
    };
    worker_ = *Pool::Make(std::move(options));
    worker_->Handle("t", std::move(handler), timeout);
    thread_ = std::thread([this] { status_ = worker_->Run(); });
  }
  ~RunningPool() {
    if (!thread_.joinable()) return;
    for (int i = 0; i < 4; ++i) worker_->Stop();
    thread_.join();
  }

  void Stop() { worker_->Stop(); }
  Status Join() {
    thread_.join();
    return status_;
  }
  void WaitForLog(std::string_view text) {
    MutexLock lock(mutex_);
    while (log_.find(text) == std::string::npos) {
      const auto woken = logged_.wait_for(mutex_, std::chrono::seconds(20));
      ASSERT_EQ(woken, std::cv_status::no_timeout) << log_;
    }
  }
  std::string log() {
    MutexLock lock(mutex_);
    return log_;
  }

 private:
  Mutex mutex_;
  std::condition_variable_any logged_;
  std::string log_;
  std::unique_ptr<Pool> worker_;
  Status status_;
  std::thread thread_;
};

}  // namespace treadle::worker
