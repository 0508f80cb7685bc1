// BulkActions: one command for every task that a query finds, page by page.
//
// It asks and acts as any caller would: lists from the store, and one command for each task, which
// the engine checks it again. So it holds nothing, blocks nobody, and a task that has changed since
// the list was made is passed over. A page begins when the one before it is durable, and not before
// the rate allows it. A few pages may be in progress at once; jobs that are due for their next page
// take turns, so a slow job keeps nobody waiting and a large one delays others by a page at most.
// Jobs are in memory: a restart ends them, with what they did until then.
//
// On the shard's executor, but for the constructor.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/status.h"
#include "base/time.h"
#include "engine/commands.h"
#include "store/store.h"

namespace treadle {

class Shard;

struct BulkRequest {
  TaskCommand command;  // its id and `only_in` are set for each task
  TaskQuery tasks;      // its cursor and limit are not used
  int64_t rate = 0;     // at most this many tasks a second; 0: no limit
  bool count_only = false;
};

struct BulkView {
  enum class State : uint8_t {
    kPending,  // its first page has not begun
    kRunning,
    kDone,
    kStopped,
    kFailed,
  };

  uint64_t id = 0;
  BulkRequest request;
  State state = State::kPending;
  uint64_t found = 0;    // tasks that the query has found so far
  uint64_t changed = 0;  // of those, that the command changed
  uint64_t skipped = 0;  // that it did not: gone, or in another state by now
  WallTime started_at;
  WallTime finished_at;  // 0: it has not ended
  std::string error;     // kFailed: why

  bool has_ended() const { return state != State::kPending && state != State::kRunning; }
};

/// RESOURCE_EXHAUSTED: too many have not ended.
struct StartBulk {
  BulkRequest request;
  using Reply = BulkView;
};

/// NOT_FOUND.
struct GetBulk {
  uint64_t id = 0;
  using Reply = BulkView;
};

/// Running ones and the last that ended, newest first.
struct ListBulk {
  using Reply = std::vector<BulkView>;
};

/// No further page begins. NOT_FOUND.
struct StopBulk {
  uint64_t id = 0;
  using Reply = BulkView;
};

class BulkActions {
 public:
  /// Borrows all. `shard` must outlive what was posted to `loop`, its executor.
  BulkActions(Shard* shard, Executor* loop, Clock* clock)
      : shard_(shard), loop_(loop), clock_(clock) {}

  Result<BulkView> Run(StartBulk command);
  Result<BulkView> Run(const GetBulk& question) const;
  std::vector<BulkView> Run(const ListBulk& question) const;
  Result<BulkView> Run(const StopBulk& command);
  void StopAll();

 private:
  struct Job {
    BulkView view;
    TaskId before;           // where the next page begins
    size_t under_way = 0;    // commands of the page that are not answered
    int64_t page_at_ms = 0;  // when the page began, by the monotonic clock
    bool is_last_page = false;
    bool has_turn = false;  // its page is in progress
  };
  using JobPtr = std::shared_ptr<Job>;

  /// The job is due for its next page, and gets it when its turn comes.
  void Queue(const JobPtr& job);
  void GiveTurns();
  void EndTurn(const JobPtr& job);
  void BeginPage(const JobPtr& job);
  void OnPage(const JobPtr& job, const TaskPage& page);
  void OnAnswer(const JobPtr& job, const Result<TaskStanding>& answer);
  void EndPage(const JobPtr& job);
  void End(const JobPtr& job, BulkView::State state, std::string error = "");
  void ForgetOldest();

  Shard* shard_;
  Executor* loop_;
  Clock* clock_;
  uint64_t next_id_ = 1;
  std::map<uint64_t, JobPtr> jobs_;
  std::deque<JobPtr> line_;  // due for their next page
  size_t turns_ = 0;         // pages in progress
};

}  // namespace treadle
