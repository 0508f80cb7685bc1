#include "http/loop.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <vector>

#include "base/thread_turns.h"
#include "http/connection.h"

namespace treadle::http {
namespace {

namespace asio = boost::asio;

// Deadlines are looked at by one timer of the loop instead of one per connection: fine enough for
// the shortest of them.
int64_t TickMs(const ServerOptions& options) {
  const int64_t shortest =
      std::min({options.idle_timeout_ms, options.read_timeout_ms, options.write_timeout_ms});
  return std::clamp<int64_t>(shortest / 4, 5, 250);
}

}  // namespace

Loop::Loop(std::shared_ptr<ServerCore> core)
    : core_(std::move(core)),
      keep_running_(context_.get_executor()),
      tick_(context_),
      grace_(context_),
      tick_ms_(TickMs(core_->options)) {}

// What was posted before `ended_` was set is still in the queue, and runs last.
void Loop::Run() {
  TakeShortTurns();
  context_.run();
  {
    MutexLock lock(mutex_);
    ended_ = true;
  }
  context_.restart();
  context_.poll();
}

int64_t Loop::NowMs() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string_view Loop::Date() {
  const std::time_t now = std::time(nullptr);
  if (now != date_second_) {
    date_second_ = now;
    std::tm utc{};
    gmtime_r(&now, &utc);
    std::strftime(date_, sizeof date_, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  }
  return date_;
}

void Loop::Adopt(asio::ip::tcp::socket socket, bool refuse) {
  auto connection = std::make_shared<Connection>(shared_from_this(), std::move(socket));
  connections_.insert(connection);
  LoopCounters::Add(refuse ? &counters_.refused : &counters_.accepted, 1);
  if (stopping_) return connection->Close();
  if (!ticking_) Tick();
  refuse ? connection->StartOverLimit() : connection->Start();
}

void Loop::Forget(const std::shared_ptr<Connection>& connection) {
  if (connections_.erase(connection) == 0) return;
  core_->connections_open.fetch_sub(1, std::memory_order_relaxed);
  EndIfEmpty();
}

void Loop::Tick() {
  ticking_ = !connections_.empty();
  if (!ticking_) return;
  tick_.expires_after(std::chrono::milliseconds(tick_ms_));
  tick_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    std::vector<std::shared_ptr<Connection>> late;
    const int64_t now_ms = NowMs();
    for (const auto& connection : connections_) {
      if (connection->deadline_ms() <= now_ms) late.push_back(connection);
    }
    for (const auto& connection : late) connection->OnDeadline();
    Tick();
  });
}

void Loop::BeginStop(int64_t grace_ms) {
  if (stopping_) return;
  stopping_ = true;
  const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
  for (const auto& connection : all) connection->FinishUp();
  EndIfEmpty();
  if (connections_.empty()) return;
  grace_.expires_after(std::chrono::milliseconds(grace_ms));
  grace_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) CloseAll();
  });
}

void Loop::CloseAll() {
  const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
  for (const auto& connection : all) connection->Close();
}

void Loop::EndIfEmpty() {
  if (!stopping_ || !connections_.empty()) return;
  tick_.cancel();
  grace_.cancel();
  keep_running_.reset();
}

}  // namespace treadle::http
