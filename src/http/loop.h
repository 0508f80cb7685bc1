// Loop: one thread of the server, its event queue, and the connections that belong to it. Inside
// http/ only.
//
// Every method runs on the loop's thread unless noted otherwise. Connections hold their loop, so
// that it outlives answers that come after the server's end.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <unordered_set>
#include <utility>

#include "base/thread_annotations.h"
#include "http/memory_budget.h"
#include "http/server.h"

namespace treadle::http {

class Connection;

/// What all loops of a server share.
struct ServerCore {
  ServerCore(ServerOptions server_options, GuardFn server_guard)
      : options(std::move(server_options)), guard(std::move(server_guard)) {}

  /// Once; any thread.
  void Route(std::shared_ptr<const Router> to) {
    router_owner = std::move(to);
    router.store(router_owner.get(), std::memory_order_release);
  }

  const ServerOptions options;
  const GuardFn guard;
  std::atomic<const Router*> router{nullptr};  // null until Route()
  std::shared_ptr<const Router> router_owner;  // written once, before `router`
  MemoryBudget bodies{options.bodies_bytes_max};
  std::atomic<size_t> connections_open{0};
};

/// Written by one loop, read by any thread; apart from its neighbours in memory.
struct alignas(64) LoopCounters {
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> refused{0};
  std::atomic<uint64_t> accept_failures{0};
  std::atomic<uint64_t> bodies_refused{0};
  std::array<std::atomic<uint64_t>, 6> answers{};
  std::atomic<uint64_t> bytes_in{0};
  std::atomic<uint64_t> bytes_out{0};

  static void Add(std::atomic<uint64_t>* counter, uint64_t n) {
    counter->fetch_add(n, std::memory_order_relaxed);
  }
};

class Loop : public std::enable_shared_from_this<Loop> {
 public:
  explicit Loop(std::shared_ptr<ServerCore> core);

  /// The body of the loop's thread: returns after BeginStop(), when all connections are closed.
  void Run();

  /// Runs `work` on the loop: at once if this is its thread, by its queue if not. After the loop's
  /// end it runs on the calling thread, and finds every connection closed. Any thread.
  template <class Work>
  void Execute(Work work) {
    if (context_.get_executor().running_in_this_thread() || !Post(work)) work();
  }

  /// Takes a new connection: over the limit of the server if `refuse`.
  void Adopt(boost::asio::ip::tcp::socket socket, bool refuse);
  void Forget(const std::shared_ptr<Connection>& connection);
  /// Connections close as soon as they have no request in hand, and all of them after `grace_ms`.
  void BeginStop(int64_t grace_ms);

  bool stopping() const { return stopping_; }
  /// Monotonic.
  int64_t NowMs() const;
  /// The value of the Date header.
  std::string_view Date();

  const ServerCore& core() const { return *core_; }
  MemoryBudget* bodies() { return &core_->bodies; }
  LoopCounters& counters() { return counters_; }
  boost::asio::io_context& context() { return context_; }

 private:
  // Returns false and does not run `work` once the loop has ended. Any thread.
  template <class Work>
  bool Post(Work& work) TREADLE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (ended_) return false;
    boost::asio::post(context_, std::move(work));
    return true;
  }
  void Tick();
  void CloseAll();
  void EndIfEmpty();

  const std::shared_ptr<ServerCore> core_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_running_;
  boost::asio::steady_timer tick_;
  boost::asio::steady_timer grace_;
  const int64_t tick_ms_;
  bool ticking_ = false;
  bool stopping_ = false;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  LoopCounters counters_;
  int64_t date_second_ = 0;
  char date_[32] = {};
  Mutex mutex_;
  bool ended_ TREADLE_GUARDED_BY(mutex_) = false;
};

}  // namespace treadle::http
