// TrailQuestion: asks what the attempts of a task left behind, and compares the answer with what
// was known before.
#pragma once

#include <functional>

#include "sim/history.h"

namespace treadle::sim {

class TrailQuestion {
 public:
  /// Asks about the newest log (if there is one) or the whole history. Borrows both pointers.
  enum class About { kLog, kAttempts };
  TrailQuestion(Scheduler* scheduler, History* history, TaskId id, About about);

  /// Call when the question reaches a server. Calls `answered` with the function that checks the
  /// answer.
  void Ask(Node* node, std::function<void(std::function<void()> compare)> answered) const;

 private:
  /// Whether the answer came within the time that the server gives its store to catch up.
  bool IsCurrent(int64_t arrived_ms) const;
  void Compare(const Result<HistoryReply>& reply, bool is_current) const;
  void Compare(const Result<LogReply>& reply, bool is_current) const;
  bool IsNoAnswer(const Status& status) const;

  Scheduler* scheduler_;
  History* history_;
  TaskId id_;
  uint32_t logged_;  // the attempt whose log is requested; 0: requests the history
  TrailHistory::Told told_;
};

}  // namespace treadle::sim
