// TrailWriter and TrailReader: what attempts leave behind, in tables of its own by the task's id.
// Tasks that left nothing have no row there, and cost nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/effects.h"
#include "store/sqlite/sqlite.h"
#include "store/store.h"

namespace treadle {

/// Within the transaction of whoever calls it.
class TrailWriter {
 public:
  /// `db` must outlive the writer.
  explicit TrailWriter(Connection* db);

  /// Adds to the trail of a task that is in the store.
  Status Add(TaskId task, const TrailChange& change);
  /// No attempt follows: removes what was saved for later ones.
  Status RemoveSaved(TaskId task) { return remove_saved_.Run(task.packed); }
  /// Removes the trails of those ended tasks that the queue lets go of; before they go themselves.
  Status Retire(QueueId queue, TaskState state, uint64_t from);

 private:
  Status AddAttempt(TaskId task, const AttemptRecord& ended);
  Status AddLog(TaskId task, const LogPiece& piece);
  Status Save(TaskId task, std::string_view name, const SavedBytes& saved);

  Statement attempt_;
  Statement old_attempts_;
  Statement log_;
  Statement old_logs_;
  Statement saved_;
  Statement remove_saved_;
  Statement retire_attempts_;
  Statement retire_log_;
  Statement retire_saved_;
};

struct SavedRows {
  std::shared_ptr<const TaskSaved> saved;  // null if nothing is saved
  bool is_sound = true;                    // all of it is as it was written
};

/// DATA_LOSS: a row is not as it was written, except in Saved(), which reports it.
class TrailReader {
 public:
  /// `db` must outlive the reader.
  explicit TrailReader(Connection* db);

  Result<TaskHistory> History(TaskId task);
  Result<SavedRows> Saved(TaskId task);
  Result<std::string> Log(TaskId task, uint32_t attempt);

 private:
  Statement attempts_;
  Statement saved_;
  Statement log_;
};

}  // namespace treadle
