// Producers and workers of the simulated world, and the network between them and the server. They
// know what every client knows: what they sent, what was answered, and that both may get lost.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/history.h"
#include "sim/scheduler.h"
#include "sim/simulated_server.h"

namespace treadle::sim {

/// Carries calls to the server: late, and sometimes not at all, or the answer not.
class Network {
 public:
  Network(Scheduler* scheduler, SimulatedServer* server, Lane* lane)
      : scheduler_(scheduler), server_(server), lane_(lane) {}

  /// Runs `call(node)` after a while if the server is up then. One in `loss` calls gets lost; 0:
  /// none.
  void Send(std::function<void(Node*)> call);
  /// Runs `receive` after a while, unless lost.
  void Deliver(std::function<void()> receive);

  uint64_t loss = 0;

 private:
  int64_t Delay() { return static_cast<int64_t>(scheduler_->random.Below(20)); }

  Scheduler* scheduler_;
  SimulatedServer* server_;
  Lane* lane_;
};

/// Enqueues `total` tasks with a key each, one batch after the other, and asks again until it is
/// answered.
class Producer {
 public:
  Producer(Scheduler* scheduler, Network* network, History* history, Lane* lane, std::string name,
           uint64_t total);
  void Start() { SendBatch(); }
  bool done() const { return sent_ == total_; }

 private:
  void SendBatch();
  void SetTerms(NewTask* task);
  void SendNow();
  void OnReply(const Result<EnqueueReply>& reply);

  Scheduler* scheduler_;
  Network* network_;
  History* history_;
  Lane* lane_;
  std::string name_;
  uint64_t total_;
  uint64_t sent_ = 0;
  uint64_t round_ = 0;  // of requests; an answer to an older one is not listened to
  std::vector<NewTask> batch_;
};

/// Leases, works for a while, and reports: completed mostly, else failed or released. Now and then
/// it stalls for longer than a lease, or restarts with a new incarnation and forgets everything.
class Worker {
 public:
  Worker(Scheduler* scheduler, Network* network, History* history, Lane* lane, std::string name);
  void Start() { Exchange(); }
  bool faults = true;

 private:
  void Exchange();
  void SendNow();
  void OnReply(const Result<ExchangeReply>& reply);
  void Work(const Leased& lease);
  void ReportFailure(const Token& token);
  void Restart();

  Scheduler* scheduler_;
  Network* network_;
  History* history_;
  Lane* lane_;
  LeaseHolder holder_;
  uint64_t round_ = 0;
  uint32_t sequence_ = 0;
  ExchangeRequest request_;
  std::map<Token, bool> held_;   // running; the value is unused
  std::deque<Report> finished_;  // to be reported
};

}  // namespace treadle::sim
