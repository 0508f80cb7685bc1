// The implementation of treadle::Worker.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "worker/handler_set.h"
#include "worker/pool.h"

namespace treadle {

class Worker::Impl {
 public:
  explicit Impl(WorkerOptions options);

  Status Run();
  void Stop() noexcept;

  worker::HandlerSet set;

 private:
  using Pools = std::vector<std::unique_ptr<worker::Pool>>;

  void StopPools(int times) noexcept;
  Status CheckSet() const;
  Result<Pools> MakePools();
  Result<std::unique_ptr<worker::Pool>> MakePool(const PoolOptions& options,
                                                 const ConnectionOptions& connection);

  const WorkerOptions options_;
  Client client_;  // lent to handlers
  std::atomic<int> stops_ = 0;
  Pools pools_;  // kept to the end: Stop() may still be looking at them when Run() returns
  std::atomic<const Pools*> running_ = nullptr;
};

}  // namespace treadle
