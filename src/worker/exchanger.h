// Exchanger: a worker's conversation with its server, one stream of exchanges with rising sequence.
//
// Two threads with a connection each, of which one usually holds a parked long poll: a report goes
// out at once on the other, and the server then ends the older poll. While there is much to report,
// both are at work, and an exchange is sent before the previous reply arrives. An exchange
// that was not answered is sent again, with its sequence, its reports and its wish, before anything
// newer, for as long as it takes: the server's answers are the same again. Any thread may call it.
// The pool must outlive it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/thread_annotations.h"
#include "client/backoff.h"
#include "client/connection.h"
#include "client/wire.h"
#include "worker/handler_pool.h"

namespace treadle::worker {

struct ExchangerOptions {
  ConnectionOptions client;
  std::string worker;
  std::string build;
  uint64_t incarnation = 0;
  std::vector<std::string> queues;
  int64_t poll_wait_ms = 30'000;
  int64_t goodbye_ms = 2'000;  // for the server to take the last exchange; 0: none
  std::function<void(std::string_view)>
      log;  // one line, no line end; called from the threads of the exchanger
  std::function<void(std::string_view)> task_line;  // the same, of each task that ended; or empty
  std::function<void()> progressed;  // an answer came, or the exchanger gave up; the same threads
};

class Exchanger {
 public:
  static Result<std::unique_ptr<Exchanger>> Make(ExchangerOptions options, HandlerPool* pool);
  /// Stop().
  ~Exchanger();

  /// Begins to ask for tasks of `types`. Once.
  void Start(std::vector<std::string> types);
  /// The pool has reports, or a task less.
  void Changed();
  /// Asks for no more tasks; reports and renewals continue. The pool must be draining.
  void Drain();
  /// True when the pool is not busy, all reports are answered, and no lease is on its way as far as
  /// anyone can know.
  bool IsIdle();
  /// Why the exchanger gave up: the server refuses this worker for good. OK while it is running.
  Status failure();
  /// Ends the calls in flight and the threads, and sends goodbye, with what is still to be
  /// reported: the server then releases whatever this worker holds. `reason`: why this worker
  /// cannot run its tasks, or empty; `explain` shows it. Returns how many reports did not arrive.
  size_t Stop(const std::string& reason = "");
  /// Instead of Start(): only sends goodbye, with why no task of `types` can run here.
  void Decline(std::vector<std::string> types, const std::string& reason);

 private:
  using Clock = std::chrono::steady_clock;

  struct Exchange {
    uint64_t sequence = 0;
    size_t want = 0;
    int64_t wait_ms = 0;
    uint64_t answered = 0;
    bool repeated = false;
    Clock::time_point asked_at;
    std::vector<std::string> renew;
    std::vector<Report> reports;
  };
  struct InFlight {  // what others may know about an exchange while its thread has it
    uint64_t sequence;
    size_t want;
    size_t reports;
    bool parks;  // it may hang on at the server, and a newer one may go beside it
  };

  struct Last {  // of the goodbye
    std::string reason;
  };

  explicit Exchanger(ExchangerOptions options, HandlerPool* pool);

  void RunExchanges(ServerConnection* client);
  std::optional<Exchange> Next();
  std::optional<Exchange> NextAt(Clock::time_point now, Clock::time_point* wake_at)
      TREADLE_REQUIRES(mutex_);
  std::optional<Exchange> NextBesideBusy(Clock::time_point now) TREADLE_REQUIRES(mutex_);
  Clock::time_point NewIsDueAt(Clock::time_point now, size_t want) const TREADLE_REQUIRES(mutex_);
  Exchange MakeNew(Clock::time_point now, size_t want) TREADLE_REQUIRES(mutex_);
  Exchange TakeUnanswered(Clock::time_point now) TREADLE_REQUIRES(mutex_);
  void Renew(Clock::time_point now, Exchange* exchange) TREADLE_REQUIRES(mutex_);
  uint64_t AnsweredBefore(uint64_t sequence) const TREADLE_REQUIRES(mutex_);
  Result<wire::ExchangeAnswer> Ask(ServerConnection* client, const Exchange& exchange,
                                   const std::optional<Last>& last = {}) const;

  void Settle(Exchange exchange, Result<wire::ExchangeAnswer> answer);
  void Apply(Exchange exchange, wire::ExchangeAnswer answer) TREADLE_REQUIRES(mutex_);
  /// False if some must be sent again.
  bool ApplyReports(std::vector<Report> reports, const std::vector<wire::ReportAnswer>& answers)
      TREADLE_REQUIRES(mutex_);
  bool SaysSomething(const Exchange& exchange, const wire::ExchangeAnswer& answer,
                     size_t lost) const TREADLE_REQUIRES(mutex_);
  void SendApart(std::vector<Report> reports, const Status& why) TREADLE_REQUIRES(mutex_);
  std::vector<Report> TakeUnreported() TREADLE_REQUIRES(mutex_);
  size_t SayGoodbye(const std::string& reason);
  void Fail(Exchange exchange, const Status& why) TREADLE_REQUIRES(mutex_);
  void RetryLater(int64_t at_least_ms) TREADLE_REQUIRES(mutex_);

  const ExchangerOptions options_;
  HandlerPool* const pool_;
  std::vector<std::string> types_;  // does not change once the threads run
  std::vector<std::unique_ptr<ServerConnection>> clients_;
  std::vector<std::thread> threads_;

  Mutex mutex_;  // may be held while the pool is called, never the other way round
  Condition wake_;
  uint64_t sequence_ TREADLE_GUARDED_BY(mutex_) = 0;  // of the newest exchange
  std::vector<InFlight> in_flight_ TREADLE_GUARDED_BY(mutex_);
  std::vector<Exchange> unanswered_ TREADLE_GUARDED_BY(mutex_);  // by sequence
  Clock::time_point retry_at_ TREADLE_GUARDED_BY(mutex_);
  Clock::time_point renew_at_ TREADLE_GUARDED_BY(mutex_);
  Clock::time_point quiet_since_ TREADLE_GUARDED_BY(mutex_);                // the last answer
  std::optional<Clock::time_point> lost_since_ TREADLE_GUARDED_BY(mutex_);  // no answer since
  Code lost_code_ TREADLE_GUARDED_BY(mutex_) = Code::kOk;  // what was logged about that
  size_t said_nothing_ TREADLE_GUARDED_BY(mutex_) = 0;     // answers at once, one after the other
  Backoff backoff_ TREADLE_GUARDED_BY(mutex_);
  Status failure_ TREADLE_GUARDED_BY(mutex_);
  std::vector<std::string> task_lines_ TREADLE_GUARDED_BY(mutex_);  // still to be printed
  bool draining_ TREADLE_GUARDED_BY(mutex_) = false;
  bool stopped_ TREADLE_GUARDED_BY(mutex_) = false;
  bool has_left_ TREADLE_GUARDED_BY(mutex_) = false;
};

}  // namespace treadle::worker
