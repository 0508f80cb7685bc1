// History: every answer that producers, workers and operators received, and the promises that the
// server broke. It knows nothing about the inside of a node, except how far shard time is from
// world time. It needs that to tell early from late.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "shard/exchange.h"
#include "sim/scheduler.h"
#include "sim/trail_history.h"
#include "sim/type_history.h"

namespace treadle::sim {

class History {
 public:
  explicit History(Scheduler* scheduler)
      : scheduler_(scheduler),
        trails_([this](const std::string& what) { Violation(what); }),
        types_([this](const std::string& what) { Violation(what); }) {}

  /// What attempts leave behind. History forwards reports, lost leases and results to it.
  TrailHistory& trails() { return trails_; }
  /// What was agreed on types. History forwards tasks, leases, reports and commands to it.
  TypeHistory& types() { return types_; }

  /// A moment on all clocks that matter. For a request: when it was first sent.
  struct Moment {
    int64_t ms = 0;          // world time
    int64_t forward_ms = 0;  // total that shard time has jumped ahead of it so far
    int64_t lag_ms = 0;      // total that shard time has fallen behind it so far
    WallTime wall;
  };
  Moment Now() const;

  /// What the policy of a queue alone may do to its tasks.
  struct QueueRules {
    bool sheds = false;
    bool forgets = false;  // ended tasks are not kept
    int64_t capacity = 0;  // tasks; 0: no limit
  };
  void Queue(const std::string& name, const QueueRules& rules) { rules_[name] = rules; }

  // Tasks.

  /// An enqueue that was first sent at `asked` was acknowledged.
  void Accepted(const NewTask& task, const EnqueueReply::Task& answer, const Moment& asked);
  /// An enqueue was rejected for good.
  void Refused(const std::vector<NewTask>& batch, const Status& status, const Moment& asked);
  /// A worker received a lease from an exchange that it first sent at `asked`.
  void Leased(const treadle::Leased& lease, const Moment& asked);
  /// A worker is about to save the result of a step. Later leases may contain it from now on.
  void Saving(const Token& token, const std::string& step, const std::string& result);
  /// The save was acknowledged. Later leases must contain the result from now on.
  void Saved(const Token& token, const std::string& step, const std::string& result);
  /// A worker's renewal succeeded, so the lease is not lost.
  void Renewed(const Token& token, const Moment& asked);
  /// A worker is about to send this report. It may take effect at any time from now on.
  void Reporting(const Report& report);
  /// The report was answered. `asked`: when an exchange first carried it.
  void Reported(const Report& report, const Status& status, const Moment& asked);
  /// The worker leaves, so its leases may be released at any time from now on.
  void GaveUp(const Token& token) { tasks_[token.task].leases.erase(token); }
  /// A reply reported the lease as lost.
  void Lost(const Token& token);

  // Operator commands.

  void Asked(const TaskCommand& command);
  void Answered(const TaskCommand& command, const Result<TaskStanding>& answer,
                const Moment& asked);
  /// Any task may run before its time from now on.
  void AnyMayRunEarly() { any_may_run_early_ = true; }
  /// A queue was deleted by a request first sent at `asked`: every task accepted before that must
  /// have ended, and is gone.
  void QueueDeleted(const std::string& queue, const Moment& asked);
  void PauseAsked(const std::string& queue, bool paused);
  void PauseAnswered(const std::string& queue, bool paused);

  // Questions. Each answer must show everything that was acknowledged before the question.

  /// Everything that anyone has learned about a task so far.
  struct Told {
    Moment asked;
    uint32_t attempt = 0;
    std::optional<TaskState> ended;
  };
  Told Asking(TaskId id);
  void Seen(TaskId id, const Told& told, const Result<TaskView>& view);
  void SeenQueues(const std::vector<QueueView>& queues);
  /// The final state of a task, once everything is quiet.
  void Ended(TaskId id, const Told& told, const Result<TaskView>& view);

  /// The shard recovered, and its time moved by this much relative to world time.
  void ShardTimeMoved(int64_t by_ms);

  /// Whether the task may be gone, or canceled, without a broken promise.
  bool MayBeGone(TaskId id) { return tasks_[id].may_be_deleted || tasks_[id].may_be_forgotten; }
  bool MayBeCancelled(TaskId id) { return tasks_[id].may_be_cancelled; }
  /// Whether nobody has requested anything that may have ended or removed the task.
  bool IsUntouched(TaskId id);
  /// Whether its queue has a capacity.
  bool IsBounded(TaskId id) { return rules_[tasks_[id].queue].capacity > 0; }

  /// All tasks that were acknowledged.
  const std::vector<TaskId>& accepted() const { return accepted_; }
  const std::vector<std::string>& violations() const { return violations_; }
  uint64_t leases() const { return leases_; }
  uint64_t completions() const { return completions_; }
  void Violation(const std::string& what);

 private:
  struct NotBefore {
    Moment asked;
    int64_t delay_ms = 0;
    uint32_t attempt = 0;  // the delay applies to leases of later attempts
  };
  /// A step of a task. Each attempt sends at most one result for it.
  struct Step {
    std::map<uint32_t, std::set<std::string>> results;  // results that may have been kept, by
                                                        // attempt
    uint32_t attempt = 0;  // the newest attempt whose save was acknowledged; 0: none
    int64_t told_ms = 0;
  };
  // What is known about a task.
  struct Known {
    bool accepted = false;
    std::string queue;
    std::string unique_key;              // tasks that share it never run at once in one queue
    std::set<std::string> payloads;      // payloads it may have now
    std::set<std::string> all_payloads;  // payloads it may ever have had
    int64_t payload_ms = 0;              // when `payloads` last shrank
    // What anyone has ever requested, or what its queue may do.
    bool may_be_cancelled = false;
    bool may_be_deleted = false;
    bool may_be_redriven = false;
    bool may_be_run_early = false;
    bool may_be_released = false;
    bool may_be_moved = false;
    bool may_be_forgotten = false;
    bool may_expire = false;
    // When each was acknowledged. Reset by a request to redrive.
    std::optional<int64_t> cancelled_ms;
    std::optional<int64_t> cancel_requested_ms;  // while it was running
    std::optional<int64_t> deleted_ms;
    std::optional<int64_t> completed_ms;
    // The last moment, in shard time, at which a lease may be granted or arrive.
    std::optional<int64_t> last_lease_ms;
    Moment accepted_at;
    WallTime run_at;
    std::optional<NotBefore> not_before;
    uint32_t newest_attempt = 0;     // the newest that anyone has seen
    std::optional<Token> completed;  // acknowledged
    std::map<std::string, Step> steps;
    std::optional<TaskState> ended;  // seen by anyone, with no later request to redrive
    struct Lease {
      std::string queue;
      Moment asked;
      int64_t told_ms;
      int64_t lease_ms;
      int64_t valid_until_ms;
      int64_t revoked_ms;  // no longer valid after this, even if renewed
    };
    std::map<Token, Lease> leases;  // leases that workers hold and may rely on
  };
  struct Key {
    TaskId task;
    Moment asked;
    int64_t window_ms = 0;  // 0: lasts for the whole run
  };

  TypeHistory::Span Since(const Moment& asked) const;
  void CheckTime(const Token& token, const Known& task);
  void CheckNobodyElseHolds(const treadle::Leased& lease, const Known& task, const Moment& asked);
  void CheckUniqueKey(const treadle::Leased& lease, const Known& task, const Moment& asked);
  void CheckMayBeLeased(const treadle::Leased& lease, const Known& task, const Moment& asked);
  void CheckSteps(const treadle::Leased& lease, const Known& task, const Moment& asked);
  void CheckState(TaskId id, const Known& task, const Told& told, const TaskImage& image);
  bool IsStillValid(const Known::Lease& lease) const;

  Scheduler* scheduler_;
  TrailHistory trails_;
  TypeHistory types_;
  int64_t forward_ms_ = 0;
  int64_t lag_ms_ = 0;
  bool any_may_run_early_ = false;
  std::map<std::string, QueueRules> rules_;
  std::map<TaskId, Known> tasks_;
  std::vector<TaskId> accepted_;
  std::map<std::string, Key> keys_;
  std::map<TaskId, std::string> key_of_;
  std::map<std::string, std::set<TaskId>> by_unique_key_;
  std::map<std::string, Moment> paused_;            // acknowledged, with no later request to resume
  std::map<std::string, uint64_t> queue_accepted_;  // the highest count that anyone has seen
  uint64_t leases_ = 0;
  uint64_t completions_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace treadle::sim
