#include "http/server.h"

#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "base/thread_annotations.h"
#include "http/listener.h"
#include "http/loop.h"

namespace treadle::http {

class Server::Impl {
 public:
  Impl(ServerOptions options, GuardFn guard)
      : core_(std::make_shared<ServerCore>(std::move(options), std::move(guard))),
        loops_(MakeLoops(core_)),
        listener_(core_.get(), &loops_) {}

  Status Open() { return listener_.Open(); }

  void Run() {
    listener_.Accept();
    for (const auto& loop : loops_) {
      threads_.emplace_back([loop] { loop->Run(); });
    }
  }

  // The listener is closed first, so that every connection reaches its loop before the word to stop
  // does.
  void Stop(int64_t grace_ms) TREADLE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (threads_.empty()) return;
    std::promise<void> closed;
    loops_.front()->Execute([&] {
      listener_.Close();
      closed.set_value();
    });
    closed.get_future().wait();
    for (const auto& loop : loops_) {
      loop->Execute([loop = loop.get(), grace_ms] { loop->BeginStop(grace_ms); });
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  void Route(std::shared_ptr<const Router> router) { core_->Route(std::move(router)); }

  // Each loop passes the word on to the next one; the last one says that all have answered.
  void Ping(std::function<void()> done) const { PingFrom(0, std::move(done)); }

  uint16_t port() const { return listener_.port(); }

  ServerStats Stats() const {
    ServerStats sum;
    sum.connections_open = core_->connections_open.load(std::memory_order_relaxed);
    sum.bodies_bytes = core_->bodies.bytes();
    for (const auto& loop : loops_) AddCounters(loop->counters(), &sum);
    return sum;
  }

 private:
  void PingFrom(size_t index, std::function<void()> done) const {
    if (index == loops_.size()) return done();
    loops_[index]->Execute(
        [this, index, done = std::move(done)] { PingFrom(index + 1, std::move(done)); });
  }

  static std::vector<std::shared_ptr<Loop>> MakeLoops(const std::shared_ptr<ServerCore>& core) {
    std::vector<std::shared_ptr<Loop>> loops;
    for (int i = 0; i < core->options.threads; ++i) loops.push_back(std::make_shared<Loop>(core));
    return loops;
  }

  static void AddCounters(const LoopCounters& counters, ServerStats* sum) {
    const auto read = [](const std::atomic<uint64_t>& counter) {
      return counter.load(std::memory_order_relaxed);
    };
    sum->connections_accepted += read(counters.accepted);
    sum->connections_refused += read(counters.refused);
    sum->accept_failures += read(counters.accept_failures);
    sum->bodies_refused += read(counters.bodies_refused);
    for (size_t i = 0; i < sum->answers.size(); ++i) sum->answers[i] += read(counters.answers[i]);
    sum->bytes_in += read(counters.bytes_in);
    sum->bytes_out += read(counters.bytes_out);
  }

  const std::shared_ptr<ServerCore> core_;
  const std::vector<std::shared_ptr<Loop>> loops_;
  Listener listener_;
  Mutex mutex_;
  std::vector<std::thread> threads_;  // changes in Run(), and under mutex_ in Stop()
};

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options,
                                              std::shared_ptr<const Router> router, GuardFn guard) {
  TREADLE_ASSIGN_OR_RETURN(std::unique_ptr<Server> server,
                           Listen(std::move(options), std::move(guard)));
  server->Route(std::move(router));
  return server;
}

Result<std::unique_ptr<Server>> Server::Listen(ServerOptions options, GuardFn guard) {
  if (options.threads < 1 || options.header_bytes_max < 1 || options.idle_timeout_ms < 1 ||
      options.read_timeout_ms < 1 || options.write_timeout_ms < 1) {
    return Status(Code::kInvalidArgument,
                  "the HTTP server needs at least one thread, and limits and timeouts above 0");
  }
  auto impl = std::make_unique<Impl>(std::move(options), std::move(guard));
  TREADLE_RETURN_IF_ERROR(impl->Open());
  impl->Run();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { Stop(0); }

void Server::Route(std::shared_ptr<const Router> router) {
  TREADLE_CHECK(router != nullptr);
  impl_->Route(std::move(router));
}
void Server::Ping(std::function<void()> done) const { impl_->Ping(std::move(done)); }
uint16_t Server::port() const { return impl_->port(); }
ServerStats Server::Stats() const { return impl_->Stats(); }
void Server::Stop(int64_t grace_ms) { impl_->Stop(grace_ms); }

}  // namespace treadle::http
