// Lister: draws one page of tasks, newest first, from whatever indexes serve the question.
//
// Waiting tasks stand in lanes, (queue, type, priority), each ordered by id; those that are not
// ready stand also in lanes of an index, (state, queue, type). A page is a merge of the lanes that
// the query admits and of the matching ended tasks, each read backwards from the cursor in small
// batches. Lanes are found by jumping from one to the next, a search each. So a page costs about as
// much as there are tasks on it and lanes in the store, however many tasks wait.
//
// A query for something rare (a tag, a key, an error, words) asks the table `found` instead, which
// gives the ids of all tasks that have it; where those stand is looked up one by one.
//
// What no index can rule out is filtered afterwards; after kRowsMax ids, or kPassedOverMax tasks
// that had to be read for it, a page ends early, with a cursor.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "store/sqlite.h"
#include "store/store.h"

namespace treadle {

class Lister {
 public:
  static constexpr size_t kRowsMax = 20'000;
  static constexpr size_t kPassedOverMax = 5'000;  // tasks that had to be read to be ruled out
  static constexpr size_t kPageBytesMax = size_t{8} << 20;  // of results and error messages

  /// `db` must outlive the lister.
  explicit Lister(Connection* db);

  /// As Store::List(), from one snapshot.
  Result<TaskPage> List(const TaskQuery& query);

 private:
  // The query with its names looked up.
  struct Filter {
    std::optional<QueueId> queue;
    std::optional<TypeId> type;
    std::optional<TaskState> state;
  };
  struct Candidate {
    TaskId id;
    QueueId queue = 0;
    TypeId type = 0;
    uint8_t rank = 0;
    std::optional<TaskState> state;  // not set: to be seen
  };
  // One ordered run of ids: what `statement` selects with these leading values, newest first.
  struct Source {
    Statement* statement = nullptr;
    std::vector<int64_t> key;
    std::optional<std::string> text;  // after them
    std::deque<Candidate> batch;
    int64_t before = 0;  // where the next batch begins
    int64_t batch_size = 1;
    bool exhausted = false;
  };

  Result<std::optional<Filter>> Resolve(const TaskQuery& query);
  Status FindSources(const TaskQuery& query, const Filter& filter);
  Status FindLanes(const Filter& filter, Statement* next, Statement* lane);
  Status FindNotReadyLanes(const Filter& filter, TaskState state);
  void AddSource(Statement* statement, std::vector<int64_t> key,
                 std::optional<std::string> text = {});
  /// Makes the source's batch hold its newest id, unless there is none.
  Status Refill(Source* source);
  Status Merge(const TaskQuery& query, const Filter& filter, TaskPage* page);
  /// Whether it matches; then `view` is it.
  Result<bool> Show(const Candidate& candidate, const TaskQuery& query, TaskView* view);
  /// Whether it is there. `out` must be empty.
  Result<bool> ReadDone(TaskId id, bool with_result, TaskView* out);
  Result<bool> ReadLive(const Candidate& candidate, TaskView* out);
  /// As Matches() takes it.
  Result<std::string> PayloadTextOf(const Candidate& candidate, const TaskView& view);

  Connection* db_;
  Statement queue_id_;
  Statement type_id_;
  Statement next_lane_;
  Statement next_ended_lane_;
  Statement next_not_ready_lane_;
  Statement lane_;
  Statement not_ready_lane_;
  Statement ended_;
  Statement ended_lane_;
  Statement found_;
  Statement live_view_;
  Statement done_view_;
  Statement done_view_with_result_;
  Statement live_payload_;
  Statement done_payload_;
  std::vector<Source> sources_;
};

}  // namespace treadle
