// Writer: puts net changes into the tables, one transaction a call.
//
// A change with a body is whole: it replaces what was there, and its null parts are absent. A
// change without one keeps the body that the store has, and the error and result too unless it
// brings newer ones; if the store has none (it was removed by a later, cut checkpoint), nothing is
// written and later frames settle it.
#pragma once

#include <vector>

#include "store/sqlite/file_room.h"
#include "store/sqlite/find_index.h"
#include "store/sqlite/lanes.h"
#include "store/sqlite/sqlite.h"
#include "store/sqlite/task_inserter.h"
#include "store/sqlite/task_remover.h"
#include "store/sqlite/trail_rows.h"
#include "store/store.h"

namespace treadle {

class Writer {
 public:
  /// `db` must outlive the writer. `file`: as FileRoom's.
  Writer(Connection* db, int file);

  /// As Store::Write().
  Status Write(const StoreChanges& changes);

 private:
  Status TryToWrite(const StoreChanges& changes);
  Status WriteAll(const StoreChanges& changes);
  Status WriteQueue(const QueueIsNow& queue);
  Status WriteType(const TypeIsNow& type);
  Status WriteCounters(const CountersAreNow& counters);
  /// Removes the ended tasks below `from`, and what is kept beside them.
  Status Retire(QueueId queue, uint64_t state, uint64_t from);
  Status WriteKey(const KeyIsNow& key);
  Status WriteMeta(const StoreMeta& meta);
  Status WriteTasks(const std::vector<TaskChange>& changes);
  Status WriteTask(const TaskChange& change);
  /// With the next flush of what remover_ gathers.
  void Remove(const TaskChange& change);
  // With a body.
  Status WriteWhole(const TaskChange& change);
  // Without: false if the store has no such task any more. If its row is damaged, what the change
  // leaves as it is can no longer be trusted: it becomes one whose payload is damaged.
  Result<bool> Rewrite(const TaskRecord& now);
  Result<bool> RewriteFrom(TaskTable from, int64_t key, const TaskRecord& now);
  Status Update(const TaskRow& task, int64_t place, const TaskRecord& now);
  /// From one table, where it has that key, to the other.
  Status Move(const TaskRow& task, int64_t key, std::string_view result, std::string_view payload);
  Statement& Find(TaskTable from, TaskTable to);
  Status DeleteLive(const TaskPlace& place);

  /// Of a row whose body is written now.
  bool IsSearched(const TaskRecord& now) const;

  Connection* db_;
  FileRoom room_;
  FindIndex find_;
  LaneMaker lanes_;
  TaskRemover remover_;
  LiveInserter live_;
  DoneInserter done_;
  Statement queue_;
  Statement type_;
  Statement counters_;
  struct {
    Statement find_one;
    Statement remove;
  } retire_;  // ended tasks below an ordinal
  Statement key_;
  Statement key_gone_;
  Statement meta_;
  Statement live_sizes_;
  Statement live_whole_;
  Statement done_sizes_;
  Statement done_whole_;
  Statement update_live_;
  Statement update_done_;
  Statement delete_live_;
  Statement delete_done_;
  TrailWriter trail_;
  RowDigest digest_;
  TaskRowTexts texts_;
  std::string bytes_;  // of the row that is written
};

}  // namespace treadle
