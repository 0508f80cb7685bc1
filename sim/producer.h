// Producer: enqueues batches of tasks, each task with its own key, and repeats a batch until it
// gets an answer. Now and then it enqueues tasks again that were accepted long ago.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/history.h"
#include "sim/network.h"

namespace treadle::sim {

/// What the actors of a run share. Borrows everything.
struct Stage {
  Scheduler* scheduler;
  Network* network;
  History* history;
  Faults* faults;
  SimExecutor* executor;
};

/// How long each actor waits for an answer before it repeats the request.
inline constexpr int64_t kAnswerTimeoutMs = 3'000;

class Producer {
 public:
  Producer(const Stage& stage, std::string name, uint64_t total);
  void Start() { SendBatch(); }
  bool done() const { return sent_ >= total_; }
  /// Adds tasks and enqueues ten times as fast for a while.
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
  uint64_t round_ = 0;  // of requests; answers to older ones are ignored
  int64_t burst_until_ms_ = 0;
  int bursts_left_ = 2;  // limited, so that the run ends
  std::vector<NewTask> batch_;
  bool is_old_ = false;  // the batch was accepted before
  History::Moment asked_;
  std::vector<NewTask> old_;  // a sample of accepted tasks
};

/// Enqueues tasks with few keys over and over: some keys hold as long as their task does, others
/// let the next task replace theirs. After MakePeace(), AskForAll() tries each key once more.
class KeyProducer {
 public:
  explicit KeyProducer(const Stage& stage) : stage_(stage) {}
  void Start() { Later(); }
  void MakePeace() { ++round_, peace_ = true; }
  /// Call in peace, when all tasks have ended. Enqueues every unique key once more; each must be
  /// free.
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
  size_t next_ = 0;  // in peace: the next key to try
  History::Moment asked_;
};

}  // namespace treadle::sim
