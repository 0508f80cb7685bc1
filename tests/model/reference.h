// Reference: what the engine must do, written to be obviously right. Every question walks over
// every task. No effects, no lanes, no timers, and no effort to save memory.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/commands.h"

namespace treadle::model {

struct ReferenceTask {
  TaskId id;
  std::string queue;
  std::string type;
  std::string payload;
  std::string key;
  std::string request;  // the request that used the key
  Unique unique = Unique::kNo;
  uint8_t priority = 5;
  uint32_t max_attempts = 20;
  uint32_t worker_losses = 0;
  std::optional<RetryPolicy> retry;
  int64_t attempt_timeout_ms = 0;  // 0: the queue's
  int64_t expires_ms = 0;          // shard; 0: never
  int64_t deadline_ms = 0;         // shard; 0: none
  int64_t first_failure_ms = 0;    // 0: no failure so far under a policy that limits the total time
  TaskState state = TaskState::kReady;
  uint32_t attempt = 0;
  uint32_t spent = 0;
  uint32_t term = 0;
  bool reported = false;
  LeaseHolder holder;
  uint32_t exchange = 0;
  int64_t lease_end_ms = 0;
  bool apart = false;          // workers were lost while running it
  bool shared = false;         // running: its worker has lost another lease since it last renewed
                               // this one
  int64_t ready_since_ms = 0;  // ready and apart
  bool cancel_requested = false;
  int64_t revoke_ms = 0;       // running: no renewal extends beyond it; 0: no limit
  int64_t due_ms = 0;          // -1: to be taken from the engine
  bool by_shard_time = false;  // scheduled: due_ms is shard time, else wall time; retrying: always
                               // shard time
  int64_t wait_min_ms = 0;     // retrying: the range that the random wait must lie in
  int64_t wait_max_ms = 0;
  bool may_be_dead = false;  // retrying or dead, depending on the random wait: ask the engine
  int64_t ended_ms = 0;
  uint64_t end_order = 0;  // cancelled: 0 until the test has asked the engine
  std::string error_code;
  std::string result;
  std::map<std::string, std::string> saved;  // steps by name; the checkpoint has no name
  std::string log;                           // of the last attempt
  std::vector<std::pair<uint32_t, AttemptOutcome>> history;  // of attempts that did not complete
                                                             // the task

  Token token() const { return {id, attempt, term}; }
};

class Reference {
 public:
  explicit Reference(uint32_t term) : term_(term) {}

  int64_t shard_ms = 0;
  int64_t wall_ms = 0;
  QueuePolicy policy;  // of every queue, except `paused`
  std::set<std::string> paused;

  /// The IDs, or why the batch is rejected.
  Result<std::vector<EnqueueReply::Task>> Enqueue(const std::vector<NewTask>& tasks);
  std::vector<Token> Lease(const LeaseCommand& command);
  Code Apply(const Report& report);
  Code Save(const AttemptSave& save);
  std::vector<Token> Renew(const std::vector<Token>& tokens);
  /// The code, and for OK what the engine must return about the task.
  std::pair<Code, TaskStanding> Do(const TaskCommand& command);
  std::vector<Token> CancelRequestsOf(const LeaseHolder& holder) const;
  /// Does what is due: ends lost leases and makes tasks ready, then applies the retention of
  /// changed queues.
  void Tick();
  void Retain();

  std::map<TaskId, ReferenceTask>& tasks() { return tasks_; }
  void End(ReferenceTask* task, TaskState state);
  uint64_t accepted = 0;
  uint64_t removed = 0;  // by retention
  uint64_t deleted = 0;
  uint64_t moved = 0;
  uint64_t replaced = 0;

 private:
  struct Key {
    std::string request;
    TaskId task;
    int64_t expires_ms;
  };

  Code RunNow(ReferenceTask* task, bool* changed);
  Code Cancel(ReferenceTask* task, bool* changed);
  Code Redrive(ReferenceTask* task, bool* changed);
  Code Edit(ReferenceTask* task, const TaskEdit& edit, bool* changed);
  Code MoveTo(ReferenceTask* task, const TaskEdit& edit);
  Code Delete(const ReferenceTask& task);
  Code TakeBack(ReferenceTask* task, bool* changed);
  Result<EnqueueReply::Task> EnqueueOne(const NewTask& task, std::map<std::string, TaskId>* own);
  bool MakeRoom(const std::vector<NewTask>& tasks, const std::vector<EnqueueReply::Task>& answer);
  bool MakeRoomIn(const std::string& queue, int64_t excess, uint8_t least,
                  const std::set<TaskId>& come);
  int64_t LiveIn(const std::string& queue) const;
  bool OtherHasKey(const ReferenceTask& task, const std::string& queue) const;
  static void Schedule(ReferenceTask* task, int64_t due_ms, bool by_shard_time);
  void ReleaseKey(const ReferenceTask& task, Unique by_now);
  void Lease(ReferenceTask* task) const;
  bool HoldsBack(const LeaseHolder& holder);
  void Fail(ReferenceTask* task, AttemptOutcome how, const std::string& code, bool reported,
            bool retry, std::optional<int64_t> delay_ms = {});
  static void Note(ReferenceTask* task, AttemptOutcome how);
  void MakeReady(ReferenceTask* task) const;
  bool SharesItsWorker(const ReferenceTask& task);
  void EndOutOfTime();
  bool EndIfOutOfTime(ReferenceTask* task);

  uint32_t term_;
  uint64_t next_ = 1;
  uint64_t ends_ = 0;
  std::optional<LeaseHolder> held_back_;  // a worker that must become idle
  int64_t held_back_since_ms_ = 0;
  std::map<TaskId, ReferenceTask> tasks_;
  std::map<std::pair<std::string, std::string>, Key> keys_;
};

}  // namespace treadle::model
