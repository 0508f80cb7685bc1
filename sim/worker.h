// Worker: leases, works for a while, and reports: completed mostly, else failed, released, snoozed
// or discarded. It stalls for longer than a lease, or dies and comes back with a new incarnation,
// and perhaps with the tokens of its former life.
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
  /// Now and then the next exchange is under way before the last one's answer is in.
  void MaybeGoAhead();
  void SendNow(uint32_t sequence);
  /// What the server needs to know of a request that it answers.
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
  /// Half way, perhaps: a step is done, or a checkpoint is due.
  void SaveStep(const Token& token);
  /// Now and then: some lines for its log.
  void SaveLog(const Token& token);
  void SendSave(const AttemptSave& save, std::function<void(const AttemptStanding&)> kept);
  void EndAttempt(const Token& token);
  /// How it ends, by chance.
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
  /// An exchange that was not answered yet.
  struct Call {
    ExchangeRequest request;
    History::Moment asked;  // when it was sent for the first time
    uint64_t round = 0;     // of its newest copy
  };
  std::map<uint32_t, Call> calls_;  // by sequence
  /// What is at hand of an attempt that runs.
  struct Attempt {
    std::string log;
    uint32_t kept = 0;  // bytes of the log that the server has
  };
  /// More of the attempt's log, from where the server has none.
  LogText MoreLog(const Token& token, Attempt* attempt);

  std::map<Token, Attempt> held_;  // running
  std::deque<Report> finished_;    // to be reported
};

}  // namespace treadle::sim
