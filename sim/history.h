// History: what producers, workers and operators were told, and the promises that it breaks or
// keeps. It knows nothing of the inside of a node, but for one thing: how far shard time is from
// the time by which all live, so that it can tell early from late.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/exchange.h"
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

  /// What attempts leave behind. Reports, lost leases and results come to it through History.
  TrailHistory& trails() { return trails_; }
  /// What was agreed upon types. Tasks, leases, reports and commands come to it through History.
  TypeHistory& types() { return types_; }

  /// A moment, by all the clocks that matter. Of a request: when it was first sent.
  struct Moment {
    int64_t ms = 0;          // the time by which all live
    int64_t forward_ms = 0;  // how far shard time has jumped ahead of it, in all, so far
    int64_t lag_ms = 0;      // and how far it was left behind
    WallTime wall;
  };
  Moment Now() const;

  /// What may become of the tasks of a queue by its policy alone.
  struct QueueRules {
    bool sheds = false;
    bool forgets = false;  // ended tasks do not stay
    int64_t capacity = 0;  // tasks; 0: no bound
  };
  void Queue(const std::string& name, const QueueRules& rules) { rules_[name] = rules; }

  // Tasks.

  /// An enqueue, `asked` for the first time then, was acknowledged.
  void Accepted(const NewTask& task, const EnqueueReply::Task& answer, const Moment& asked);
  /// An enqueue was refused, for good.
  void Refused(const std::vector<NewTask>& batch, const Status& status, const Moment& asked);
  /// A worker was given a lease by an exchange that it `asked` for.
  void Leased(const treadle::Leased& lease, const Moment& asked);
  /// A worker is about to save what a step brought; from now on later leases may tell of it.
  void Saving(const Token& token, const std::string& step, const std::string& result);
  /// That was acknowledged: from now on they must.
  void Saved(const Token& token, const std::string& step, const std::string& result);
  /// A worker's renewal was answered, and the lease is not lost.
  void Renewed(const Token& token, const Moment& asked);
  /// A worker is about to report this; from now on it may happen at any time.
  void Reporting(const Report& report);
  /// The report was answered; it was `asked` when an exchange carried it for the first time.
  void Reported(const Report& report, const Status& status, const Moment& asked);
  /// The worker leaves: whatever it holds may be released from now on.
  void GaveUp(const Token& token) { tasks_[token.task].leases.erase(token); }
  /// The worker was told that the lease is over.
  void Lost(const Token& token);

  // By hand.

  void Asked(const TaskCommand& command);
  void Answered(const TaskCommand& command, const Result<TaskStanding>& answer,
                const Moment& asked);
  /// Any task may be run before its time from now on.
  void AnyMayRunEarly() { any_may_run_early_ = true; }
  /// A queue was deleted, which was asked for then: what was accepted there before must have ended,
  /// and is gone.
  void QueueDeleted(const std::string& queue, const Moment& asked);
  void PauseAsked(const std::string& queue, bool paused);
  void PauseAnswered(const std::string& queue, bool paused);

  // Questions. What was told before they were asked must show in the answer.

  /// What was told of a task so far, to anyone.
  struct Told {
    Moment asked;
    uint32_t attempt = 0;
    std::optional<TaskState> ended;
  };
  Told Asking(TaskId id);
  void Seen(TaskId id, const Told& told, const Result<TaskView>& view);
  void SeenQueues(const std::vector<QueueView>& queues);
  /// At the end, when all is quiet: what a task turned out to be.
  void Ended(TaskId id, const Told& told, const Result<TaskView>& view);

  /// The shard has recovered, and its time has moved by so much against that of all.
  void ShardTimeMoved(int64_t by_ms);

  /// Whether it may be there no longer, or may have been cancelled, without anything being wrong.
  bool MayBeGone(TaskId id) { return tasks_[id].may_be_deleted || tasks_[id].may_be_forgotten; }
  bool MayBeCancelled(TaskId id) { return tasks_[id].may_be_cancelled; }
  /// Whether nobody has asked for anything that may have ended it or taken it away.
  bool IsUntouched(TaskId id);
  /// Whether it was enqueued where only so many fit.
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
    uint32_t attempt = 0;  // leases of later attempts are meant
  };
  /// A step of a task: each attempt sends a result at most once.
  struct Step {
    std::map<uint32_t, std::set<std::string>> results;  // that may be kept, by attempt
    uint32_t attempt = 0;  // the newest that was told that its result is kept; 0: none was
    int64_t told_ms = 0;
  };
  // What is known of a task.
  struct Known {
    bool accepted = false;
    std::string queue;
    std::string unique_key;              // no two tasks of it run at once in one queue
    std::set<std::string> payloads;      // that it may have
    std::set<std::string> all_payloads;  // that it ever may have had
    int64_t payload_ms = 0;              // when `payloads` became fewer
    // What somebody has asked for, ever; or what its queue may do.
    bool may_be_cancelled = false;
    bool may_be_deleted = false;
    bool may_be_redriven = false;
    bool may_be_run_early = false;
    bool may_be_released = false;
    bool may_be_moved = false;
    bool may_be_forgotten = false;
    bool may_expire = false;
    // When it was acknowledged, and nobody asked to redrive it since.
    std::optional<int64_t> cancelled_ms;
    std::optional<int64_t> cancel_requested_ms;  // while it ran
    std::optional<int64_t> deleted_ms;
    std::optional<int64_t> completed_ms;
    // The last moment, by shard time, at which a lease may be given or arrive.
    std::optional<int64_t> last_lease_ms;
    Moment accepted_at;
    WallTime run_at;
    std::optional<NotBefore> not_before;
    uint32_t newest_attempt = 0;     // told to anyone
    std::optional<Token> completed;  // acknowledged
    std::map<std::string, Step> steps;
    std::optional<TaskState> ended;  // told to anyone, and nobody asked to redrive it
    struct Lease {
      std::string queue;
      Moment asked;
      int64_t told_ms;
      int64_t lease_ms;
      int64_t valid_until_ms;
      int64_t revoked_ms;  // not valid longer, however often it is renewed
    };
    std::map<Token, Lease> leases;  // that someone holds and may count on
  };
  struct Key {
    TaskId task;
    Moment asked;
    int64_t window_ms = 0;  // 0: as long as a run
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
  std::map<std::string, Moment> paused_;  // acknowledged, and nobody asked to resume since
  std::map<std::string, uint64_t> queue_accepted_;  // the most that anyone was told
  uint64_t leases_ = 0;
  uint64_t completions_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace treadle::sim
