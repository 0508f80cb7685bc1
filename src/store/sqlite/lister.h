// Lister: draws one page of tasks, newest first, from whatever indexes serve the question.
//
// Waiting tasks are in lanes, (queue, type, priority), each ordered by id, and those that are not
// ready in an index of their own besides, by state and lane. A page is a merge of the lanes that
// the query admits and of the matching ended tasks, each read backwards from the cursor in small
// batches. Lanes are found by jumping from one to the next, a search each. So a page costs about as
// much as there are tasks on it and lanes in the store, however many tasks wait.
//
// A query for something rare (a tag, a key, an error, words) asks the table `found` instead, which
// gives the ids of all tasks that have it; their places are looked up one by one.
//
// What no index can rule out is filtered afterwards; after kRowsMax ids, or kPassedOverMax tasks
// that had to be read for it, a page ends early, with a cursor.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "store/sqlite/lanes.h"
#include "store/sqlite/row.h"
#include "store/sqlite/sqlite.h"
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
    int64_t key = 0;                 // of the row that it was read from
  };
  // One ordered run of ids: what `statement` selects with these values, newest first.
  struct Source {
    Statement* statement = nullptr;
    bool of_live = false;
    std::vector<int64_t> values;
    std::optional<std::string> text;  // after them
    std::deque<Candidate> batch;
    int64_t before = 0;  // the key at which the next batch begins
    int64_t batch_size = 1;
    bool exhausted = false;
  };

  Result<std::optional<Filter>> Resolve(const TaskQuery& query);
  Status FindSources(const TaskQuery& query, const Filter& filter);
  Status FindEndedLanes(const Filter& filter, int64_t before);
  /// `rare`: of this state, of which there is an index; not set: of all that wait.
  Status FindLiveLanes(const TaskQuery& query, const Filter& filter, std::optional<TaskState> rare);
  Result<bool> IsWanted(int64_t lane, const Filter& filter);
  static Result<Candidate> ReadLiveCandidate(const Rows& row);
  static Candidate ReadCandidate(const Rows& row);
  /// Makes the source's batch hold its newest id, unless there is none.
  Status Refill(Source* source);
  Status Merge(const TaskQuery& query, const Filter& filter, TaskPage* page);
  /// Whether it matches; then `view` is it.
  Result<bool> Show(const Candidate& candidate, const TaskQuery& query, TaskView* view);
  /// Whether it is there: the row, with the names of its queue and type. `out` must be empty.
  Result<bool> ReadView(Rows rows, TaskTable table, Parts parts, TaskView* out);
  Result<bool> ReadDone(TaskId id, bool with_result, TaskView* out);
  Result<bool> ReadLive(const Candidate& candidate, TaskView* out);
  /// The key of its row in `live`.
  Result<int64_t> PlaceOf(const Candidate& candidate);
  /// As Matches() takes it.
  Result<std::string> PayloadTextOf(const Candidate& candidate, const TaskView& view);

  Connection* db_;
  LaneFinder lanes_;
  Statement queue_id_;
  Statement type_id_;
  Statement queue_name_;
  Statement type_name_;
  Statement next_;
  Statement next_not_ready_;
  Statement next_ended_lane_;
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
