// Producer: enqueues tasks with a key each, one batch after the other, and asks again until it is
// answered. Now and then it asks again for what was accepted long ago.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/history.h"
#include "sim/network.h"

namespace treadle::sim {

/// What the actors of a run share. Everything is borrowed.
struct Stage {
  Scheduler* scheduler;
  Network* network;
  History* history;
  Faults* faults;
  Lane* lane;
};

/// How long each of them waits for an answer before it asks again.
inline constexpr int64_t kAnswerTimeoutMs = 3'000;

class Producer {
 public:
  Producer(const Stage& stage, std::string name, uint64_t total);
  void Start() { SendBatch(); }
  bool done() const { return sent_ >= total_; }
  /// More, and ten times as fast for a while.
  void Burst();

 private:
  void SendBatch();
  /// In one of the first `queues` queues.
  NewTask MakeTask(const std::string& key, size_t queues);
  void SetTerms(NewTask* task);
  void SetAgreed(NewTask* task);
  void SendNow();
  void OnReply(const Result<EnqueueReply>& reply);

  Stage stage_;
  std::string name_;
  uint64_t total_;
  uint64_t sent_ = 0;
  uint64_t round_ = 0;  // of requests; an answer to an older one is not listened to
  int64_t burst_until_ms_ = 0;
  int bursts_left_ = 2;  // a run must end
  std::vector<NewTask> batch_;
  bool is_old_ = false;  // the batch was accepted before
  History::Moment asked_;
  std::vector<NewTask> old_;  // some of those that were accepted
};

/// Enqueues tasks of few keys over and over: keys that hold as long as their task does, and keys
/// whose task gives way to the next. In peace it asks for each key once more.
class KeyProducer {
 public:
  explicit KeyProducer(const Stage& stage) : stage_(stage) {}
  void Start() { Later(); }
  void MakePeace() { ++round_, peace_ = true; }
  /// In peace, when all tasks have ended: asks for every unique key once more; each must be free.
  void AskForAll();
  bool done() const { return next_ == kKeys; }

 private:
  static constexpr size_t kKeys = 4;

  void Later();
  void Send(size_t key);
  void OnReply(const NewTask& task, const Result<EnqueueReply>& reply);

  Stage stage_;
  uint64_t round_ = 0;
  bool peace_ = false;
  size_t next_ = 0;  // in peace: the key to ask for
  History::Moment asked_;
};

}  // namespace treadle::sim
