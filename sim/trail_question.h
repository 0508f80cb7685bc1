// TrailQuestion: someone asks what the attempts at a task left behind, and compares it with what
// was told before.
#pragma once

#include <functional>

#include "sim/history.h"

namespace treadle::sim {

class TrailQuestion {
 public:
  /// It is asked now, of the last log (if there is one) or of the whole history. Borrows both.
  enum class About { kLog, kAttempts };
  TrailQuestion(Scheduler* scheduler, History* history, TaskId id, About about);

  /// When it has reached a server. `answered` is given what compares the answer.
  void Ask(Node* node, std::function<void(std::function<void()> compare)> answered) const;

 private:
  /// Within the time that the server gives its store to catch up.
  bool IsCurrent(int64_t arrived_ms) const;
  void Compare(const Result<HistoryReply>& reply, bool is_current) const;
  void Compare(const Result<LogReply>& reply, bool is_current) const;
  bool IsNoAnswer(const Status& status) const;

  Scheduler* scheduler_;
  History* history_;
  TaskId id_;
  uint32_t logged_;  // the attempt whose log is asked for; 0: the history is
  TrailHistory::Told told_;
};

}  // namespace treadle::sim
