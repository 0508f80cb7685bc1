// TrailHistory: what workers were told of the logs, the attempts and the results of tasks, and
// whether those who ask are told the same. The part of History that is about what attempts leave
// behind.
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
  /// `violation` is called with what is wrong.
  explicit TrailHistory(std::function<void(const std::string&)> violation)
      : violation_(std::move(violation)) {}

  // Told by workers.

  /// All that this attempt has logged so far; from now on any head of it may be kept.
  void Logging(const Token& token, const std::string& text);
  /// The server says how much of it is kept: from now on that much must be.
  void Logged(const Token& token, uint32_t bytes);
  /// How the attempt is said to end; from now on it may have ended so.
  void Reporting(const Report& report);
  /// That was taken: from now on it must have.
  void Reported(const Report& report);
  /// Its result was not taken: the attempt has failed.
  void Refused(const Report& report) {
    tasks_[report.token.task].ends[report.token.attempt] = AttemptOutcome::kFailed;
  }
  /// The worker was told that its lease is over.
  void Lost(const Token& token);

  // Asked by observers. What was told before they asked must show in the answer.

  /// What was told of a task before a question.
  struct Told {
    uint32_t attempt = 0;  // the newest that is known to have ended
    std::map<uint32_t, std::optional<AttemptOutcome>> ends;  // empty: in whatever way
    std::map<uint32_t, uint32_t> log_bytes;                  // by attempt
  };
  Told Asking(TaskId id) const;
  /// `is_current`: the store had the time to catch up with what was acknowledged. Only then must
  /// all of it show. `may_be_cancelled`: so may each of its attempts.
  struct Circumstances {
    bool is_current = true;
    bool may_be_cancelled = false;
  };
  void SeenHistory(TaskId id, const Told& told, const HistoryReply& reply,
                   const Circumstances& circumstances);
  void SeenLog(TaskId id, const Told& told, const LogReply& reply, bool is_current);
  /// A completed task has the result that its worker reported.
  void SeenResult(const TaskView& view);
  /// An attempt of `id` that has logged; 0: none has.
  uint32_t LoggedAttempt(TaskId id) const;

 private:
  struct Log {
    std::string text;
    uint32_t kept = 0;  // bytes that are told to be kept
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
