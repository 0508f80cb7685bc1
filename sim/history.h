// History: what producers and workers were told, and the promises that it breaks or keeps. It knows
// nothing of the inside of a node.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "node/exchange.h"

namespace treadle::sim {

class History {
 public:
  /// An enqueue was acknowledged. `now_ms` is the time by which all live.
  void Accepted(const NewTask& task, TaskId id, int64_t now_ms);
  /// A worker was given a lease.
  void Leased(const treadle::Leased& lease, int64_t now_ms);
  /// A worker is about to report that it discards a task.
  void Discarding(TaskId id) { may_be_cancelled_.insert(id); }
  /// A worker's report was acknowledged.
  void Reported(const Report& report, const Status& status);
  /// Someone is about to ask this of a task; from now on it may happen at any time.
  void Asked(const TaskCommand& command);
  /// And was answered.
  void Answered(const TaskCommand& command, const Result<TaskStanding>& answer);
  /// At the end, when all is quiet: what a task turned out to be.
  void Ended(const std::string& key, const Result<TaskView>& view);

  const std::map<std::string, TaskId>& accepted() const { return accepted_; }
  const std::vector<std::string>& violations() const { return violations_; }
  uint64_t leases() const { return leases_; }
  uint64_t completions() const { return completed_.size(); }

 private:
  void Violation(const std::string& what) { violations_.push_back(what); }

  std::map<std::string, TaskId> accepted_;            // by idempotency key
  std::map<TaskId, std::set<std::string>> payloads_;  // that it may have
  std::set<TaskId> may_be_cancelled_;                 // someone asked for it, ever
  std::set<TaskId> may_be_deleted_;
  std::set<TaskId> may_be_redriven_;
  std::map<TaskId, int64_t> expires_ms_;  // the last moment at which a lease may arrive
  std::map<TaskId, int64_t> deadline_ms_;
  std::set<TaskId> cancelled_;                 // acknowledged, and nobody asked to redrive it since
  std::set<TaskId> deleted_;                   // acknowledged
  std::map<TaskId, uint32_t> newest_attempt_;  // of the leases that were delivered
  std::map<TaskId, Token> completed_;          // acknowledged
  uint64_t leases_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace treadle::sim
