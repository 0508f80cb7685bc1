// Trail: what the attempts at a task leave behind. Plain values.
//
// The end of each attempt that did not complete the task, what was saved for the attempts that
// follow, and the lines that were logged. The attempt that is running, or that completed the task,
// is in the task's image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/task.h"

namespace treadle {

/// How an attempt ended. The numbers are on disk.
enum class AttemptOutcome : uint8_t {
  kFailed = 1,     // its worker reported it
  kLost = 2,       // its worker did not renew the lease
  kTimedOut = 3,   // it took too long: the attempt's time, or the task's, was up
  kReleased = 4,   // given back, unspent
  kSnoozed = 5,    // put off, unspent
  kDiscarded = 6,  // its worker reported that there is nothing to do
  kCancelled = 7,  // someone asked for the end of the task
};
/// Its name on the wire, for example "timed_out"; empty for an unknown number.
std::string_view AttemptOutcomeName(AttemptOutcome outcome);
std::optional<AttemptOutcome> AttemptOutcomeFromName(std::string_view name);

/// An attempt that ended and did not complete its task.
struct AttemptRecord {
  uint32_t attempt = 0;  // leases of the task so far, this one included
  AttemptOutcome outcome = AttemptOutcome::kFailed;
  std::string worker;
  std::string build;  // of the worker; empty: it named none
  WallTime started_at;
  WallTime ended_at;
  int64_t wait_ms = 0;  // from then until the next attempt could begin; 0: at once, or never
  std::shared_ptr<const TaskError> error;  // null: none was named

  bool operator==(const AttemptRecord& other) const;
};

struct SavedBytes {
  std::string bytes;
  std::string content_type;  // empty: application/json

  bool operator==(const SavedBytes&) const = default;
};

/// What attempts save for those that follow: the results of finished steps, and one checkpoint.
struct TaskSaved {
  std::map<std::string, SavedBytes, std::less<>> steps;  // by name
  std::optional<SavedBytes> checkpoint;

  bool empty() const { return steps.empty() && !checkpoint; }
  /// Names, content types and bytes of all of it, and 64 more for each step.
  size_t bytes() const;
  bool operator==(const TaskSaved&) const = default;
};

/// Of `newer` over `older`, without making it. `older` may be null.
struct SavedSize {
  size_t steps = 0;
  size_t bytes = 0;  // as TaskSaved::bytes()
};
SavedSize SizeOver(const TaskSaved& newer, const TaskSaved* older);

/// `newer` over `older`: a step of the same name, and the checkpoint, are replaced. Both may be
/// null.
std::shared_ptr<const TaskSaved> Over(std::shared_ptr<const TaskSaved> newer,
                                      std::shared_ptr<const TaskSaved> older);

/// The last reported progress of a running attempt. Memory only.
struct Progress {
  double fraction = 0;  // 0..1
  std::string message;  // for people; may be empty
  WallTime at;          // when it was reported
};

/// A piece of an attempt's log: lines of text, each with its line end.
struct LogPiece {
  uint32_t attempt = 0;
  uint32_t offset = 0;  // bytes of the attempt's log before it
  std::string text;     // UTF-8

  bool operator==(const LogPiece&) const = default;
};

/// How much is kept of this attempt's log. `terms` may be null.
inline uint32_t LogBytes(const TaskTerms* terms, uint32_t attempt) {
  return terms == nullptr || terms->log_attempt != attempt ? 0 : terms->log_bytes;
}

/// What one change of a task adds to its trail.
struct TaskTrail {
  std::optional<AttemptRecord> ended;
  TaskSaved saved;
  std::optional<LogPiece> log;

  bool operator==(const TaskTrail&) const = default;
};

/// All that is kept of a task's attempts, oldest first; see limits::kAttemptsKept.
struct TaskHistory {
  std::vector<AttemptRecord> attempts;
  TaskSaved saved;
};

}  // namespace treadle
