// Operator: someone who cancels, redrives, edits, moves and deletes tasks, pauses queues, and runs
// what waits in bulk, while all else goes on. One request at a time, asked again until it is
// answered.
#pragma once

#include <cstdint>
#include <string>

#include "sim/producer.h"

namespace treadle::sim {

class Operator {
 public:
  explicit Operator(const Stage& stage) : stage_(stage) {}

  void Start() { Later(); }
  /// No more of it, but that every queue goes on; done() when that is acknowledged.
  void MakePeace();
  bool done() const { return resumed_ == kQueues; }

 private:
  static constexpr size_t kQueues = 2;

  void Later();
  void Act();
  void ActOnATask();
  void RunAllNow();
  void ChangeLease();
  void SendTask(const TaskCommand& command);
  void OnTask(const TaskCommand& command, const Result<TaskStanding>& answer);
  void SendPause(const std::string& queue, bool paused);
  void OnPaused(const std::string& queue, bool paused);
  /// `send` again if there is no answer in time.
  void Expect(uint64_t round, std::function<void()> send);

  Stage stage_;
  uint64_t round_ = 0;  // of requests; an answer to an older one is not listened to
  bool peace_ = false;
  History::Moment asked_;  // when the command was sent for the first time
  TaskId last_;            // the task that was acted on
  size_t resumed_ = 0;     // queues, in peace
};

/// Someone who looks: at tasks, lists and queues, all the time; and compares with what was told.
class Observer {
 public:
  explicit Observer(const Stage& stage) : stage_(stage) {}
  void Start() { Later(); }

 private:
  void Later();
  void Look();
  void LookAtTask();
  void LookAtTrail();
  void LookAtQueues();
  void LookAtType();
  /// Looks again soon, if the answer to `round` is the one that was waited for.
  bool Heard(uint64_t round);

  Stage stage_;
  uint64_t round_ = 0;
};

}  // namespace treadle::sim
