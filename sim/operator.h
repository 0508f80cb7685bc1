// Operator: cancels, redrives, edits, moves and deletes tasks, pauses queues, and runs waiting
// tasks in bulk, while everything else runs. It sends one request at a time and repeats it until it
// gets an answer.
#pragma once

#include <cstdint>
#include <string>

#include "sim/producer.h"

namespace treadle::sim {

class Operator {
 public:
  explicit Operator(const Stage& stage) : stage_(stage) {}

  void Start() { Later(); }
  /// Stops acting, except that it resumes every queue. done() once all of that is acknowledged.
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
  /// Calls `send` again if no answer arrives in time.
  void Expect(uint64_t round, std::function<void()> send);

  Stage stage_;
  uint64_t round_ = 0;  // of requests; answers to older ones are ignored
  bool peace_ = false;
  History::Moment asked_;  // when the command was first sent
  TaskId last_;            // the last task it acted on
  size_t resumed_ = 0;     // queues, after MakePeace()
};

/// Observer: reads tasks, lists and queues all the time, and compares them with earlier answers.
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
  /// Schedules the next look if `round` is the current one.
  bool Heard(uint64_t round);

  Stage stage_;
  uint64_t round_ = 0;
};

}  // namespace treadle::sim
