// ThreadExecutor: an executor that is a thread of its own, and that others help while it has
// nothing to do. Only one thread at a time runs work of the executor, and sees all that was done
// before.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "base/thread_annotations.h"
#include "base/turn_times.h"

namespace treadle {

class ThreadExecutor final : public Executor {
 public:
  enum class Turns { kUsual, kShort };  // see TakeShortTurns()

  /// Starts the thread; `name` (at most 15 characters) shows in a debugger.
  explicit ThreadExecutor(std::string name, Turns turns = Turns::kUsual);
  /// Stop(), if that was not called.
  ~ThreadExecutor() override;

  void Post(std::function<void()> work) override;
  void PostOrRun(std::function<void()> work, Help help = Help::kWithWhatFollows) override;
  void PostAfter(int64_t delay_ms, std::function<void()> work) override;

  /// Runs what was posted so far, forgets what was to run later, and joins the thread. What is
  /// posted afterwards is dropped. Not from the executor itself.
  void Stop();

  /// Of all turns up to the last one after which the executor looked for more work. Any thread.
  ExecutorTurns turn_times();

 private:
  using Work = std::vector<std::function<void()>>;

  void Run();
  /// By whom is_running_ was set.
  void RunBatch(Work* batch);
  void TakeDue(Work* batch) TREADLE_REQUIRES(mutex_);
  void WaitForWork(Work* batch) TREADLE_REQUIRES(mutex_);

  Mutex mutex_;
  Condition wake_;
  Work ready_ TREADLE_GUARDED_BY(mutex_);
  std::multimap<int64_t, std::function<void()>> delayed_ TREADLE_GUARDED_BY(mutex_);
  bool idle_ TREADLE_GUARDED_BY(mutex_) = false;           // the thread waits for wake_
  bool waits_for_end_ TREADLE_GUARDED_BY(mutex_) = false;  // of what another one runs
  bool is_running_ TREADLE_GUARDED_BY(mutex_) = false;     // somebody runs work
  ExecutorTurns times_;                                    // his
  ExecutorTurns turn_times_ TREADLE_GUARDED_BY(mutex_);
  bool stopping_ TREADLE_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace treadle
