// Writer: puts net changes into the tables, one transaction a call.
//
// A change with a body is whole: it replaces what was there, and its null parts are absent. A
// change without one keeps the body that the store has, and the error and result too unless it
// brings newer ones; if the store has none (it was removed by a later, cut checkpoint), nothing is
// written and later frames settle it.
#pragma once

#include <vector>

#include "store/find_index.h"
#include "store/sqlite.h"
#include "store/store.h"
#include "store/task_inserter.h"
#include "store/task_remover.h"
#include "store/trail_rows.h"

namespace treadle {

class Writer {
 public:
  /// `db` must outlive the writer.
  explicit Writer(Connection* db);

  /// As Store::Write().
  Status Write(const StoreChanges& changes);

 private:
  Status WriteAll(const StoreChanges& changes);
  Status WriteQueue(const QueueIsNow& queue);
  Status WriteType(const TypeIsNow& type);
  Status WriteCounters(const CountersAreNow& counters);
  Status WriteKey(const KeyIsNow& key);
  Status WriteMeta(const StoreMeta& meta);
  Status WriteTasks(const std::vector<TaskChange>& changes);
  Status WriteTask(const TaskChange& change);
  /// With the next flush of what remover_ gathers.
  void Remove(const TaskChange& change);
  // These four: false if the store has no such task any more, and the last two also if its row is
  // damaged.
  Result<bool> WriteLive(const TaskChange& change);
  Result<bool> WriteDone(const TaskChange& change);
  Result<bool> UpdateOrRevive(const TaskRecord& now);
  Result<bool> MoveOrUpdate(const TaskRecord& now);
  /// From `live` to `done`. False: it is not in `live`, or damaged there.
  template <class Values>
  Result<bool> Move(const TaskRecord& now, const Values& values);
  /// True: its row was damaged, and is now one whose payload is: what a change leaves as it is can
  /// no longer be trusted.
  Result<bool> MarkIfDamaged(const TaskImage& image);
  Status UpdateLive(const TaskRecord& now);
  Status DeleteLive(const TaskImage& image);
  /// Its rows where it waited before it moved.
  Status DeleteLeft(const TaskChange& change);

  /// Of a row whose body is written now.
  uint8_t OwnFlags(const TaskRecord& now) const;

  Connection* db_;
  FindIndex find_;
  TaskRemover remover_;
  LiveInserter live_;
  DoneInserter done_;
  Statement queue_;
  Statement type_;
  Statement counters_;
  Statement retire_;
  Statement key_;
  Statement key_gone_;
  Statement meta_;
  Statement update_live_;
  Statement revive_;
  Statement delete_live_;
  Statement ended_;
  Statement update_done_;
  Statement delete_done_;
  Statement mark_live_;
  Statement mark_done_;
  TrailWriter trail_;
};

}  // namespace treadle
