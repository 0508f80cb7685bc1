// HandlerPool: what a worker holds (leases that wait or run, reports to be delivered) and the
// threads that work on it.
//
// Any thread may call it; `work` runs on threads of the pool, which are made when they are first
// needed. `changed` is called without a lock held when reports become ready or a task is gone, and
// must not call back into the pool. A new lease wakes one thread, which wakes the next if work is
// left: short tasks are then run by a few threads without a handoff for each, and long ones still
// get a thread each. One more thread watches the deadlines; it sleeps until the earliest.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/thread_annotations.h"
#include "client/wire.h"
#include "worker/handler.h"
#include "worker/pace.h"

namespace treadle::worker {

/// What to report to the server about a lease.
struct Report {
  std::string token;
  std::string json;
  /// For people, printed once the server accepts the report, with what follows a failure; empty:
  /// none.
  std::string line = {};
  bool is_fallback = false;  // replaces one that the server could not accept
  bool goes_alone = false;   // in an exchange without others, which it may have spoiled before
};

class HandlerPool {
 public:
  using Clock = std::chrono::steady_clock;

  struct Options {
    size_t concurrency = 10;
    /// How long attempts at tasks of this type may take.
    std::function<std::chrono::milliseconds(const std::string& type)> timeout_of;
    /// How long a handler may continue after its time is up before it is abandoned.
    std::chrono::milliseconds cancel_wait{7'000};
    /// Asks for more tasks than can start at once while they are short (Pace).
    bool ahead = false;
  };
  /// What a task is run with.
  struct Attempt {
    std::stop_token cancelled;
    const std::atomic<CancelCause>* cause;  // set before `cancelled` is
    Clock::time_point deadline;             // the worker's own, or the server's, if that is earlier
    std::chrono::milliseconds limit;        // from the beginning to the deadline
  };
  /// Runs one task and returns its report; may take all but the token out of the lease.
  using Work = std::function<Report(wire::Lease*, const Attempt&)>;

  HandlerPool(Options options, Work work, std::function<void()> changed);
  /// Close().
  ~HandlerPool();

  // ---- for the exchange with the server ----

  /// Takes over leases; those beyond the free slots wait. `repeated`: the server may have given
  /// some of them before.
  void Put(std::vector<wire::Lease> leases, bool repeated);
  /// The server gave these leases to others, or ended them: they are dropped, what runs is
  /// cancelled, and neither is reported. Returns how many were still held.
  size_t Lose(const std::vector<std::string>& tokens);
  /// Someone asked for the end of these tasks: what runs is cancelled, what waits is released.
  void Cancel(const std::vector<std::string>& tokens);
  /// How many more tasks could start at once, or soon.
  size_t Free() const;
  /// Waiting and running leases.
  size_t Held() const;
  std::vector<std::string> HeldTokens() const;
  /// The ids of the tasks that run and are still to be reported.
  std::vector<std::string> RunningTasks() const;
  /// The shortest lease seen so far.
  int64_t ShortestLeaseMs() const;

  /// When the reports should leave: Clock::time_point::max() if there are none. While short tasks
  /// still follow one another, a little later than now, so that one exchange carries many.
  Clock::time_point ReportsDueAt() const;
  /// The oldest reports, within what one exchange may carry.
  std::vector<Report> TakeReports();
  /// Whether they are worth an exchange of their own, beside one that is in flight.
  bool HasManyReports() const;
  /// Reports that did not get through come first again.
  void PutBack(std::vector<Report> reports);

  // ---- for the end ----

  /// Leases that wait, and those that still come, are released; running ones continue.
  void Drain();
  /// Asks all that runs to stop.
  void CancelRunning();
  /// Releases the leases of all that still runs; what it brings is dropped.
  void ReleaseRunning();
  /// True while something waits, runs, or has its report not taken yet.
  bool IsBusy() const;
  /// Waits until every handler has returned, and ends the threads.
  void Close();

 private:
  struct Waiting {
    wire::Lease lease;
    Clock::time_point revoked_at;  // by the server
    Clock::time_point returns_at;  // if it waits that long for its turn
  };
  struct Running {
    wire::Lease lease;
    Clock::time_point since;
    size_t bytes = 0;  // of its payload
    std::stop_source stop;
    std::atomic<CancelCause> cause = CancelCause::kNone;
    Clock::time_point deadline = Clock::time_point::max();
    std::chrono::milliseconds limit{0};
    bool timed_out = false;
    bool dropped = false;  // there is nothing left to report
  };

  using Stops = std::vector<std::stop_source>;

  static std::string TaskOf(const Running& running);
  /// Notes why, and what is to be stopped once no lock is held.
  static void Cut(Running* running, CancelCause cause, Stops* to_stop);
  void Loop();
  void Watch();
  Clock::time_point EndLateAttempts(Clock::time_point now, Stops* to_stop, bool* reported)
      TREADLE_REQUIRES(mutex_);
  Clock::time_point EndLongWaits(Clock::time_point now, bool* reported) TREADLE_REQUIRES(mutex_);
  bool Take(Running* running);
  void Finish(Running* running, Report report);
  void WakeAnother() TREADLE_REQUIRES(mutex_);
  void AddReport(Report report) TREADLE_REQUIRES(mutex_);
  bool IsHeld(const std::string& token) const TREADLE_REQUIRES(mutex_);

  const Options options_;
  const Work work_;
  const std::function<void()> changed_;

  mutable Mutex mutex_;
  Condition wake_;
  std::deque<Waiting> waiting_ TREADLE_GUARDED_BY(mutex_);
  Pace pace_ TREADLE_GUARDED_BY(mutex_);
  std::vector<Running*> running_ TREADLE_GUARDED_BY(mutex_);  // each on the stack of its thread
  std::deque<Report> reports_ TREADLE_GUARDED_BY(mutex_);
  Clock::time_point oldest_report_ TREADLE_GUARDED_BY(mutex_);
  Condition watch_;
  Clock::time_point next_watch_ TREADLE_GUARDED_BY(mutex_) = Clock::time_point::max();
  std::vector<std::thread> threads_ TREADLE_GUARDED_BY(mutex_);
  size_t idle_ TREADLE_GUARDED_BY(mutex_) = 0;
  bool waking_ TREADLE_GUARDED_BY(mutex_) = false;  // a thread was woken and has not come yet
  int64_t shortest_lease_ms_ TREADLE_GUARDED_BY(mutex_);
  bool draining_ TREADLE_GUARDED_BY(mutex_) = false;
  bool closed_ TREADLE_GUARDED_BY(mutex_) = false;
};

}  // namespace treadle::worker
