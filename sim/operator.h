// Operator: someone who cancels, redrives, edits, moves and deletes tasks, and pauses queues, while
// all else goes on. One request at a time, asked again until it is answered.
#pragma once

#include <cstdint>
#include <string>

#include "sim/actors.h"

namespace treadle::sim {

class Operator {
 public:
  Operator(Scheduler* scheduler, Network* network, History* history, Lane* lane)
      : scheduler_(scheduler), network_(network), history_(history), lane_(lane) {}

  void Start() { Later(); }
  /// No more of it, but that every queue goes on; done() when that is acknowledged.
  void MakePeace();
  bool done() const { return resumed_ == kQueues; }

 private:
  static constexpr size_t kQueues = 2;

  void Later();
  void Act();
  void ActOnATask();
  void SendTask(const TaskCommand& command);
  void OnTask(const TaskCommand& command, const Result<TaskStanding>& answer);
  void SendPause(const std::string& queue, bool paused);
  void OnPaused();
  /// `send` again if there is no answer in time.
  void Expect(uint64_t round, std::function<void()> send);

  Scheduler* scheduler_;
  Network* network_;
  History* history_;
  Lane* lane_;
  uint64_t round_ = 0;  // of requests; an answer to an older one is not listened to
  bool peace_ = false;
  size_t resumed_ = 0;  // queues, in peace
};

}  // namespace treadle::sim
