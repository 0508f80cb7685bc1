// TaskLoader: brings tasks that are not in memory there from the store.
//
// The reader's executor reads the store; the shard goes on meanwhile. So what was read may be old
// by the time it arrives: the task may have changed, or ended, been stored and been forgotten
// since. A record counts only if the store has not advanced since it was read, or if the task in
// memory has not changed since the frame that the store had by then; else it is read again. A
// record that is damaged makes a dead task: see Engine::Bury().
//
// On the shard's executor.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "shard/shard_services.h"
#include "store/store.h"

namespace treadle {

class TaskLoader {
 public:
  using Then = ShardServices::Then;

  /// Borrows everything; `log` takes one line for the operator.
  TaskLoader(ShardServices* shard, Store* store, Executor* reader,
             std::function<void(const std::string&)> log)
      : shard_(shard), store_(store), reader_(reader), log_(std::move(log)) {}

  void Load(std::vector<TaskId> tasks, Then then);
  /// Workers that wait for the same lane need the same tasks: one load serves all of them.
  void LoadLane(std::vector<TaskId> tasks, Then then);

 private:
  struct Job {
    std::vector<TaskId> tasks;  // that are still to be read
    Loaded loaded;
    std::vector<Then> then;
  };

  void Read(const std::shared_ptr<Job>& job);
  void OnRead(const std::shared_ptr<Job>& job, uint64_t stored,
              Result<std::vector<TaskRecord>> records);
  bool IsStale(TaskId id, const TaskRecord* record, uint64_t stored) const;
  void TakeIn(TaskId id, const TaskRecord* record);

  ShardServices* const shard_;
  Store* const store_;
  Executor* const reader_;
  const std::function<void(const std::string&)> log_;
  std::map<TaskId, std::shared_ptr<Job>> lane_loads_;  // in progress, by their first task
};

}  // namespace treadle
