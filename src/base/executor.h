// Executor: where a piece of the node runs. In production an executor is a thread; in the
// simulation all of them are queues of one seeded scheduler. Code that only ever talks to executors
// runs the same in both.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

namespace treadle {

class Executor {
 public:
  virtual ~Executor() = default;

  /// Runs `work` later on this executor, after what was posted before it. Any thread.
  virtual void Post(std::function<void()> work) = 0;

  /// Post(); but one that has nothing to do may run it before this returns, on the calling
  /// thread, which saves a change of threads. Not from code that work on this executor might have
  /// to wait for. What the work posts may run so, too, unless the caller has something better to
  /// do.
  enum class Help { kWithWhatFollows, kOnce };
  virtual void PostOrRun(std::function<void()> work, Help /*help*/ = Help::kWithWhatFollows) {
    Post(std::move(work));
  }

  /// Runs `work` on this executor once about `delay_ms` have passed. Any thread.
  virtual void PostAfter(int64_t delay_ms, std::function<void()> work) = 0;
};

}  // namespace treadle
