// ExchangeDesk: where workers' exchanges are worked off.
//
// A worker makes one call, over and over: it reports what has ended, renews what runs, and asks for
// more. Its exchanges are numbered. Connections break, so any answer may be lost and any request
// may come twice; the desk keeps three promises all the same.
//
// Nothing is done twice. A report is applied once: repeated, it finds that its lease has ended by
// it. A lease is written with its exchange (worker, incarnation, sequence), so the same exchange is
// given the same leases again, even by a server that was restarted in between; new ones only if it
// holds none.
//
// Nothing is given to nobody. If an answer cannot be written, its leases return unspent, unless the
// worker has asked again since and was given them: `deliveries` knows under which number an answer
// went out, and forgets it when that exchange is answered a second time. A worker has up to
// limits::kExchangesInFlight exchanges in flight, and says with each up to which one it has all
// answers; what lies before that is closed, and a request from before it is refused.
//
// Nothing waits in vain. An exchange without news is parked: found by its lanes when a task becomes
// ready, by its worker when a lease is lost or a cancel is requested, by its ticket when its time
// is over. A worker has one parked exchange at most; a newer one ends the older.
//
// An exchange goes through the steps of ExchangeJob::Step. A step that needs tasks from the store
// leaves, and is entered again with them; what it has done by then stays done.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "shard/departures.h"
#include "shard/parked_exchanges.h"
#include "shard/questions.h"
#include "shard/shard_services.h"

namespace treadle {

class ExchangeDesk {
 public:
  using Job = ParkedExchanges::Job;

  /// Borrows the shard that it is part of.
  explicit ExchangeDesk(ShardServices* shard) : shard_(shard) {}

  void Begin(const Job& job);
  /// The worker's connection is gone: a parked exchange ends without an answer.
  void Abandon(uint64_t ticket) { parked_.TakeByTicket(ticket); }
  void Undelivered(const LeaseHolder& holder, const ExchangeReply& reply);
  /// Gives the engine's news to those who wait: lost leases, cancel requests, ready tasks.
  void WakeWaiters();
  /// Answers all that are parked, without news.
  void EndAll();
  /// Forgets workers that have not been here for long, every few seconds; true if it looked.
  bool ForgetIdleSessions();

  size_t parked() const { return parked_.size(); }
  /// Says of each queue whether any worker asks for its tasks. Looks at a bounded number of names;
  /// says nothing of a queue that was not among them by then.
  void NoteWorkers(std::span<QueueView> views) const;
  /// Adds what workers have to do with a task that does not run.
  void NoteWorkers(Explanation* explanation) const;

 private:
  struct Session {
    uint32_t sequence = 0;  // of its newest exchange
    uint32_t answered = 0;  // it has the answers to those up to this one
    // The answers to later ones, by sequence; nothing if an exchange was answered more than once.
    std::map<uint32_t, std::optional<uint64_t>> deliveries;
    int64_t seen_ms = 0;
    std::vector<std::string> queues;  // that it asked for last
    std::vector<std::string> types;
    std::vector<Token> told;  // leases that it was asked to cancel
  };

  void Step(const Job& job, const Loaded* loaded);
  bool ApplyReports(const Job& job, const Loaded* loaded);
  void Renew(const Job& job);
  bool Lease(const Job& job);
  bool NoteCancelRequests(const Job& job);
  void Finish(const Job& job);
  void Park(const Job& job);
  void End(const Job& job);
  void WakeForLostLeases();
  void WakeForCancelRequests();

  ShardServices* const shard_;
  ParkedExchanges parked_;
  std::map<LeaseHolder, Session> sessions_;
  Departures departures_;
  uint64_t next_delivery_ = 1;
  int64_t next_sweep_ms_ = 0;
};

}  // namespace treadle
