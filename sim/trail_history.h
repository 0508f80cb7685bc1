// TrailHistory: the part of History about what attempts leave behind. It records what workers
// learned about logs, attempts and results, and checks that later reads agree.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "node/node.h"

namespace treadle::sim {

class TrailHistory {
 public:
  /// Calls `violation` with what is wrong.
  explicit TrailHistory(std::function<void(const std::string&)> violation)
      : violation_(std::move(violation)) {}

  // From workers.

  /// All that this attempt has logged so far. Any prefix of it may be kept from now on.
  void Logging(const Token& token, const std::string& text);
  /// The server says that it keeps this many bytes. It must keep them from now on.
  void Logged(const Token& token, uint32_t bytes);
  /// A worker is about to report this end. The attempt may have ended so from now on.
  void Reporting(const Report& report);
  /// The report was accepted, so the attempt must have ended so.
  void Reported(const Report& report);
  /// The result was rejected, so the attempt failed.
  void Refused(const Report& report) {
    tasks_[report.token.task].ends[report.token.attempt] = AttemptOutcome::kFailed;
  }
  /// A reply reported the lease as lost.
  void Lost(const Token& token);

  // From observers. Each answer must show everything that was acknowledged before the question.

  /// What was known about a task when a question was asked.
  struct Told {
    uint32_t attempt = 0;  // the newest attempt known to have ended
    std::map<uint32_t, std::optional<AttemptOutcome>> ends;  // empty: the end is not known
    std::map<uint32_t, uint32_t> log_bytes;                  // by attempt
  };
  Told Asking(TaskId id) const;
  /// `is_current`: the store had time to catch up with what was acknowledged; only then must the
  /// answer be complete. `may_be_cancelled`: any attempt of the task may have been canceled.
  struct Circumstances {
    bool is_current = true;
    bool may_be_cancelled = false;
  };
  void SeenHistory(TaskId id, const Told& told, const HistoryReply& reply,
                   const Circumstances& circumstances);
  void SeenLog(TaskId id, const Told& told, const LogReply& reply, bool is_current);
  /// A completed task must have the result that its worker reported.
  void SeenResult(const TaskView& view);
  /// An attempt of `id` that has a log; 0: none has.
  uint32_t LoggedAttempt(TaskId id) const;

 private:
  struct Log {
    std::string text;
    uint32_t kept = 0;  // bytes that the server said it keeps
  };
  struct Known {
    std::map<uint32_t, Log> logs;  // by attempt
    std::map<uint32_t, std::optional<AttemptOutcome>> ends;
    std::map<Token, std::string> results;
  };

  void CheckEnds(TaskId id, const Told& told, const HistoryReply& reply, bool may_be_cancelled);

  std::function<void(const std::string&)> violation_;
  std::map<TaskId, Known> tasks_;
};

}  // namespace treadle::sim
