// AttemptProgress: how far running attempts say they are. Memory only; on the shard's executor.
#pragma once

#include <map>
#include <utility>

#include "base/ids.h"
#include "engine/engine.h"
#include "model/trail.h"

namespace treadle {

class AttemptProgress {
 public:
  void Note(const Token& token, Progress progress, WallTime now) {
    progress.at = now;
    newest_[token.task] = {token, std::move(progress)};
  }

  /// Adds it to the view of a task whose attempt still runs.
  void AddTo(TaskView* view) const {
    const auto it = newest_.find(view->task.image.id);
    if (it == newest_.end() || view->task.image.state != TaskState::kRunning) return;
    if (it->second.token == view->task.image.token()) view->progress = it->second.progress;
  }

  /// Forgets attempts that no longer run.
  void Sweep(const Engine& engine) {
    std::erase_if(newest_, [&](const auto& entry) {
      const TaskSlot* task = engine.Peek(entry.first);
      return task == nullptr || task->state != TaskState::kRunning ||
             task->token() != entry.second.token;
    });
  }

 private:
  struct Entry {
    Token token;
    Progress progress;
  };

  std::map<TaskId, Entry> newest_;  // also of attempts that have ended since the last sweep
};

}  // namespace treadle
