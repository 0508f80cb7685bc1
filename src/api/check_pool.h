// CheckPool: the threads on which payloads and results are checked against contracts, and contracts
// are compiled. That can take long, and the threads of the HTTP server must not wait for it. The
// threads start with the first work, yield to all others of the process, and so cost nothing while
// no type has a contract.
//
// Bounded: work that finds too much before it, or waited too long, is called with UNAVAILABLE
// instead of OK, so that its request is answered. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/thread_annotations.h"

namespace treadle::api {

class CheckPool {
 public:
  struct Options {
    int threads = 1;
    size_t waiting_max = 256;
    int64_t wait_ms_max = 5'000;
  };
  /// `turn` is OK if the work's turn has come, and otherwise has the reason why it will not.
  using Work = std::function<void(const Status& turn)>;

  explicit CheckPool(Options options) : options_(options) {}
  ~CheckPool() { Stop(); }
  CheckPool(const CheckPool&) = delete;
  CheckPool& operator=(const CheckPool&) = delete;

  /// `work` is called exactly once: by a thread of the pool or, if it is refused, by this one.
  void Post(Work work) TREADLE_EXCLUDES(mutex_);

  /// Refuses what waits, and what comes from now on, and joins the threads. Idempotent; not from
  /// work.
  void Stop() TREADLE_EXCLUDES(mutex_);

 private:
  struct Waiting {
    Work work;
    int64_t since_ms;
  };

  void Run() TREADLE_EXCLUDES(mutex_);

  const Options options_;
  Mutex mutex_;
  Condition wake_;
  std::deque<Waiting> waiting_ TREADLE_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ TREADLE_GUARDED_BY(mutex_);
  bool stopping_ TREADLE_GUARDED_BY(mutex_) = false;
};

}  // namespace treadle::api
