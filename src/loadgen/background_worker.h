// BackgroundWorker: the SDK's worker in a thread of its own, until Finish().
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>

#include "loadgen/load.h"
#include "loadgen/target.h"
#include "treadle/worker.h"

namespace treadle::loadgen {

class BackgroundWorker {
 public:
  /// Runs `handler` with the tasks of the load's queue, many at once.
  template <class Fn>
  BackgroundWorker(const Target& target, const Load& load, Fn handler)
      : worker_(Options(target, load)) {
    worker_.Handle(kTaskType, std::move(handler));
    thread_ = std::thread([this] { Run(); });
  }
  ~BackgroundWorker() { (void)Finish(); }

  /// Until `done`, which the handler counts, has come to `wanted`; then ends the worker. Its own
  /// reason first, if it gave up; CANCELLED if the load is interrupted.
  Status FinishAfter(const std::atomic<int64_t>& done, int64_t wanted, const Load& load);

 private:
  static WorkerOptions Options(const Target& target, const Load& load);
  void Run();
  Status WaitFor(const std::atomic<int64_t>& done, int64_t wanted, const Load& load) const;
  /// Returns when every report has been acknowledged.
  Status Finish();

  Worker worker_;
  Status status_;  // once the thread has ended
  std::atomic<bool> has_ended_ = false;
  std::thread thread_;
};

}  // namespace treadle::loadgen
