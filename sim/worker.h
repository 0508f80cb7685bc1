// Worker: leases tasks, works for a while, and reports. Most tasks complete; others fail or are
// released, snoozed or discarded. A worker may stall for longer than a lease, or die and come back
// with a new incarnation and perhaps with the tokens of its previous life.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
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
  void ExchangeAfter(int64_t pause_ms);
  /// Now and then sends the next exchange before the previous one is answered.
  void MaybeGoAhead();
  void SendNow(uint32_t sequence);
  /// What the server needs to know about a request to answer it.
  struct Caller {
    LeaseHolder holder;
    uint32_t sequence;
    uint64_t round;
    bool was_doubled;
  };
  void Answer(const Caller& caller, Node* node, Result<ExchangeReply> reply);
  void OnReply(uint32_t sequence, uint64_t round, const Result<ExchangeReply>& reply);
  struct Call;
  void TakeIn(const Call& call, const ExchangeReply& reply);
  void Work(const Leased& lease, History::Moment asked);
  /// Perhaps saves a step or a checkpoint half way through.
  void SaveStep(const Token& token);
  /// Now and then saves some lines of its log.
  void SaveLog(const Token& token);
  void SendSave(const AttemptSave& save, std::function<void(const AttemptStanding&)> kept);
  void EndAttempt(const Token& token);
  /// Chooses at random how the attempt ends.
  Report EndOf(const Token& token);
  Report Failure(const Token& token);
  void Finish(Report report, std::optional<LogText> last);
  void SayGoodbye();
  void Restart();

  Stage stage_;
  LeaseHolder holder_;
  uint64_t round_ = 0;
  uint64_t pause_ = 0;
  uint32_t sequence_ = 0;
  /// An exchange without an answer so far.
  struct Call {
    ExchangeRequest request;
    History::Moment asked;  // when it was first sent
    uint64_t round = 0;     // of its newest copy
  };
  std::map<uint32_t, Call> calls_;  // by sequence
  /// What the worker knows about a running attempt.
  struct Attempt {
    std::string log;
    uint32_t kept = 0;  // bytes of the log that the server has
  };
  /// More of the attempt's log, starting where the server's copy ends.
  LogText MoreLog(const Token& token, Attempt* attempt);

  std::map<Token, Attempt> held_;  // running
  std::deque<Report> finished_;    // waiting to be reported
};

}  // namespace treadle::sim
