#include "loadgen/background_worker.h"

#include <chrono>

namespace treadle::loadgen {
namespace {

constexpr size_t kConcurrency = 1'000;

}  // namespace

WorkerOptions BackgroundWorker::Options(const Target& target, const Load& load) {
  return {.client = target.Client(std::chrono::microseconds(0)),
          .queues = {load.queue},
          .concurrency = kConcurrency,
          .log = [](std::string_view) {},
          .quiet = true};
}

void BackgroundWorker::Run() {
  status_ = worker_.Run();
  has_ended_ = true;
}

Status BackgroundWorker::WaitFor(const std::atomic<int64_t>& done, int64_t wanted,
                                 const Load& load) const {
  while (done < wanted) {
    if (load.interrupted()) return {Code::kCancelled, "interrupted"};
    if (has_ended_) return {Code::kAborted, "the worker gave up"};
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return {};
}

Status BackgroundWorker::Finish() {
  worker_.Stop();
  if (thread_.joinable()) thread_.join();
  return status_;
}

Status BackgroundWorker::FinishAfter(const std::atomic<int64_t>& done, int64_t wanted,
                                     const Load& load) {
  const Status waited = WaitFor(done, wanted, load);
  const Status finished = Finish();
  return finished.ok() ? waited : finished;
}

}  // namespace treadle::loadgen
