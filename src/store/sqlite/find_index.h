// FindIndex: the writing side of the table `found`, by which tasks are found that have something
// rare: a tag, an idempotency key, an error, or a payload whose words are searched.
//
// A task has a row in `found` if and only if it has something of that, so others cost nothing. The
// row belongs to the task's id and keeps the terms it was made of (find_terms.h): a task that ends
// or comes back keeps it untouched, and taking it out needs no look at the task. FTS5 wants its
// changes in the order of ids, so they are gathered and put in at the end of each transaction. One
// thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "store/sqlite/next_row.h"
#include "store/sqlite/row.h"
#include "store/sqlite/sqlite.h"
#include "store/store.h"

namespace treadle {

class FindIndex {
 public:
  /// `db` must outlive the index.
  explicit FindIndex(Connection* db);

  /// Forgets what an earlier transaction gathered and did not Flush(). Before all else of one.
  Status Begin();

  /// What queues and types are now. It stays known if the transaction fails: whoever tries again
  /// reports it again.
  void Learn(const QueueIsNow& queue);
  void Learn(const TypeIsNow& type) { types_[type.id] = type.name; }
  /// Payloads that come into the queue now are to be searched.
  bool Searches(QueueId queue) const { return searching_.contains(queue); }

  /// The task's row was written, and is there. `searched`: if it came with a body, the words of its
  /// payload are to be found.
  void OnWritten(const TaskChange& change, bool searched);
  void OnGone(TaskId id) { gone_.push_back(static_cast<int64_t>(id.packed)); }
  /// Ended tasks of the queue in this state whose ordinal is below `from` are about to be removed.
  Status OnRetire(QueueId queue, uint64_t state, uint64_t from);

  /// Puts in what was gathered.
  Status Flush();

  /// Rebuilds the table from all rows, within a transaction of the caller.
  Status Rebuild();

 private:
  struct Entry {
    int64_t id;
    QueueId queue;
    TypeId type;
    uint8_t rank;
    bool is_whole;     // else only the error is known
    std::string body;  // terms
    std::string error;
  };

  static Entry EntryOf(const TaskImage& image);
  Status ReadNames();
  Status Put(const Entry& entry);
  /// Removes the rows of gone tasks up to `end`, not with it; of sorted ids, from the next one on.
  Status RemoveGone(int64_t end);
  Result<bool> HasAny();
  Status Rebuild(TaskTable table);

  Connection* db_;
  Statement put_;
  Statement put_error_;
  Statement remove_;
  NextRow next_;
  Statement retired_;
  bool has_names_ = false;
  std::map<TypeId, std::string> types_;
  std::set<QueueId> searching_;
  std::vector<Entry> entries_;
  std::vector<int64_t> gone_;
  size_t gone_next_ = 0;
};

}  // namespace treadle
