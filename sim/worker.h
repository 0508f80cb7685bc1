// Worker: leases, works for a while, and reports: completed mostly, else failed, released, snoozed
// or discarded. It stalls for longer than a lease, or dies and comes back with a new incarnation,
// and perhaps with the tokens of its former life.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "sim/producer.h"

namespace treadle::sim {

class Worker {
 public:
  Worker(const Stage& stage, std::string name);
  void Start() { Exchange(); }

 private:
  void Exchange();
  void SendNow();
  /// What the server needs to know of a request that it answers.
  struct Caller {
    LeaseHolder holder;
    uint64_t round;
    bool was_doubled;
  };
  void Answer(const Caller& caller, Node* node, Result<ExchangeReply> reply);
  void OnReply(const Result<ExchangeReply>& reply);
  void TakeIn(const ExchangeReply& reply);
  void Work(const Leased& lease);
  /// Half way, perhaps: a step is done.
  void SaveStep(const Token& token);
  void EndWork(const Token& token);
  void ReportFailure(const Token& token);
  void Finish(Report report);
  void Restart();

  Stage stage_;
  LeaseHolder holder_;
  uint64_t round_ = 0;
  uint32_t sequence_ = 0;
  ExchangeRequest request_;
  History::Moment asked_;        // when the exchange was sent for the first time
  std::map<Token, bool> held_;   // running; the value is unused
  std::deque<Report> finished_;  // to be reported
};

}  // namespace treadle::sim
