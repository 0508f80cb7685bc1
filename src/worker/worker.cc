#include "treadle/worker.h"

#include <cstdio>
#include <thread>
#include <utility>

#include "base/terminal_text.h"
#include "client/client_options.h"
#include "worker/contracts.h"
#include "worker/stop_signals.h"
#include "worker/task_line.h"
#include "worker/worker_impl.h"

namespace treadle {
namespace {

std::atomic<Worker*> g_signalled = nullptr;

void StopSignalled(int) {
  if (Worker* worker = g_signalled.load()) worker->Stop();
}

// The first failure, if any.
Status FirstFailure(const std::vector<Status>& statuses) {
  for (const Status& status : statuses) {
    if (!status.ok()) return status;
  }
  return Status::Ok();
}

}  // namespace

namespace worker {

Handler HandlerSet::Wrapped(const Handler& handler) const {
  Handler wrapped = handler;
  for (auto outer = middleware.rbegin(); outer != middleware.rend(); ++outer) {
    wrapped = [outer = *outer, inner = std::move(wrapped)](const Task& task, Context& context) {
      return outer(task, context, [&](const Task& next) { return inner(next, context); });
    };
  }
  return wrapped;
}

}  // namespace worker

Worker::Impl::Impl(WorkerOptions options) : options_(std::move(options)), client_(options_.client) {
  set.pools.push_back({.queues = options_.queues, .concurrency = options_.concurrency});
}

Status Worker::Impl::CheckSet() const {
  for (const Middleware& middleware : set.middleware) {
    if (middleware == nullptr) return {Code::kInvalidArgument, "a middleware is empty"};
  }
  for (const auto& [type, entry] : set.handlers) {
    if (entry.handler == nullptr)
      return {Code::kInvalidArgument, "the handler of " + type + " is empty"};
    if (entry.options.timeout.count() < 1)
      return {Code::kInvalidArgument, "the timeout of " + type + " must be at least 1 ms"};
    size_t found = 0;
    for (const PoolOptions& pool : set.pools) found += pool.name == entry.options.pool ? 1 : 0;
    if (found == 1) continue;
    return {Code::kInvalidArgument, found == 0
                                        ? type + " names the pool \"" + entry.options.pool +
                                              "\", which AddPool() did not create"
                                        : "two pools have the name \"" + entry.options.pool + "\""};
  }
  return Status::Ok();
}

Result<std::unique_ptr<worker::Pool>> Worker::Impl::MakePool(const PoolOptions& options,
                                                             const ConnectionOptions& connection) {
  std::string name = options_.name.empty() ? worker::DefaultWorkerName() : options_.name;
  if (!options.name.empty()) name += "." + options.name;
  LogFn task_line = options_.log ? options_.log : worker::WriteTaskLine;
  if (options_.quiet) task_line = nullptr;
  return worker::Pool::Make(
      {.client = connection,
       .name = std::move(name),
       .build = options_.build,
       .queues = options.queues,
       .concurrency = options.concurrency,
       .shutdown_grace_ms = options_.shutdown_grace.count(),
       .cancel_wait_ms = options_.cancel_wait.count(),
       .log = options_.log,
       .task_line = std::move(task_line),
       .enqueue = [this](const TaskRequest& task) { return client_.Enqueue(task); }});
}

// Only pools that have something to do.
Result<Worker::Impl::Pools> Worker::Impl::MakePools() {
  TREADLE_RETURN_IF_ERROR(CheckSet());
  TREADLE_ASSIGN_OR_RETURN(const ConnectionOptions connection, ConnectionOf(options_.client));
  Pools pools;
  for (const PoolOptions& options : set.pools) {
    std::unique_ptr<worker::Pool> pool;
    for (const auto& [type, entry] : set.handlers) {
      if (entry.options.pool != options.name) continue;
      if (pool == nullptr) {
        TREADLE_ASSIGN_OR_RETURN(pool, MakePool(options, connection));
      }
      pool->Handle(type, set.Wrapped(entry.handler), entry.options.timeout);
    }
    if (pool != nullptr) pools.push_back(std::move(pool));
  }
  if (pools.empty())
    return Status(Code::kInvalidArgument, "no handler: call Handle() before Run()");
  return pools;
}

// One pool's end is the end of all: a worker that does only half of its work would not be noticed.
Status Worker::Impl::Run() {
  TREADLE_ASSIGN_OR_RETURN(pools_, MakePools());
  TREADLE_ASSIGN_OR_RETURN(const ConnectionOptions connection, ConnectionOf(options_.client));
  TREADLE_RETURN_IF_ERROR(
      worker::RegisterContracts(connection, set, [this] { return stops_ == 0; }));
  const Pools& pools = pools_;
  running_ = &pools;
  StopPools(stops_);
  std::vector<Status> statuses(pools.size());
  std::vector<std::thread> threads;
  const auto run = [&](size_t i) {
    statuses[i] = pools[i]->Run();
    int none = 0;
    if (stops_.compare_exchange_strong(none, 1)) StopPools(1);
  };
  for (size_t i = 1; i < pools.size(); ++i) threads.emplace_back(run, i);
  run(0);
  for (std::thread& thread : threads) thread.join();
  return FirstFailure(statuses);
}

void Worker::Impl::Stop() noexcept { StopPools(stops_.fetch_add(1) + 1); }

void Worker::Impl::StopPools(int times) noexcept {
  const Pools* const pools = running_.load();
  if (pools == nullptr) return;
  for (const auto& pool : *pools) pool->StopTimes(times);
}

Worker::Worker(WorkerOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Worker::~Worker() = default;

void Worker::AddHandler(std::string type, Handler handler, HandleOptions options) {
  impl_->set.handlers[std::move(type)] = {.handler = std::move(handler),
                                          .options = std::move(options)};
}

void Worker::AddPool(PoolOptions options) { impl_->set.pools.push_back(std::move(options)); }

void Worker::Use(Middleware middleware) { impl_->set.middleware.push_back(std::move(middleware)); }

Status Worker::Run() { return impl_->Run(); }

int Worker::RunUntilSignal() {
  g_signalled = this;
  Status status;
  {
    const worker::StopSignals signals(StopSignalled);
    status = Run();
  }
  g_signalled = nullptr;
  if (status.ok()) return 0;
  std::fprintf(stderr, "treadle worker: %s\n", Printable(status.message()).c_str());
  return 1;
}

void Worker::Stop() noexcept { impl_->Stop(); }

}  // namespace treadle
