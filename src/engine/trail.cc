// The trail of a task: what is noted when an attempt ends, and what a running one saves.

#include <algorithm>

#include "base/check.h"
#include "base/utf8.h"
#include "engine/engine.h"
#include "engine/task_refusal.h"

namespace treadle {
namespace {

Status CheckSaved(const SavedSize& saved) {
  if (saved.steps > limits::kSteps)
    return {Code::kResourceExhausted,
            "a task may have at most " + std::to_string(limits::kSteps) + " steps"};
  if (saved.bytes > limits::kSavedBytes)
    return {Code::kResourceExhausted, "the steps and the checkpoint of a task may have at most " +
                                          std::to_string(limits::kSavedBytes) +
                                          " bytes in total; with this they would have " +
                                          std::to_string(saved.bytes)};
  return {};
}

}  // namespace

// Says in `effect`, whose image is that of the task after its attempt, how that ended.
void Engine::NoteEndOfAttempt(const TaskSlot& task, AttemptOutcome outcome, int64_t wait_ms,
                              TaskIsNow* effect) const {
  TREADLE_CHECK(effect->image.id == task.id && effect->trail == nullptr);
  const LeaseHolder& holder = state_.HolderOf(task);
  auto trail = std::make_shared<TaskTrail>();
  trail->ended = AttemptRecord{.attempt = task.attempt(),
                               .outcome = outcome,
                               .worker = holder.worker,
                               .build = holder.build,
                               .started_at = task.rest->started_at,
                               .ended_at = time_.wall,
                               .wait_ms = wait_ms,
                               .error = effect->error};
  effect->trail = std::move(trail);
  effect->image.has_trail = true;
}

// The task's image says that it has one, so retention finds what else it must remove; its terms say
// what a lease must bring, and how much is logged.
void Engine::NoteTrail(size_t saved_bytes, TaskIsNow* effect) const {
  TREADLE_CHECK(effect->trail != nullptr);
  effect->image.has_trail = true;
  const bool saves = !effect->trail->saved.empty();
  const std::optional<LogPiece>& log = effect->trail->log;
  const TaskTerms* const terms = state_.TermsOf(effect->image);
  auto noted =
      terms == nullptr ? std::make_shared<TaskTerms>() : std::make_shared<TaskTerms>(*terms);
  if (saves) {
    noted->has_saved = true;
    noted->saved_bytes = static_cast<uint32_t>(saved_bytes);
  }
  if (log) {
    noted->log_attempt = log->attempt;
    noted->log_bytes = log->offset + static_cast<uint32_t>(log->text.size());
  }
  effect->image.has_terms = true;
  effect->terms = std::move(noted);
}

// The part of `log` that is not kept yet and has room; nothing if there is none. What a worker
// sends again is kept once.
Result<std::optional<LogPiece>> Engine::NewLog(const TaskSlot& task, const LogText& log) const {
  const TaskTerms* const terms = state_.TermsOf(task);
  TREADLE_CHECK(task.state == TaskState::kRunning);
  const uint32_t kept = LogBytes(terms, task.attempt());
  if (log.offset > kept)
    return Status(Code::kInvalidArgument, "log.offset must be at most " + std::to_string(kept) +
                                              ", the size of this attempt's log so far");
  const size_t known = std::min<size_t>(kept - log.offset, log.text.size());
  const std::string_view fresh =
      Utf8Head(std::string_view(log.text).substr(known), limits::kLogBytes - kept);
  if (fresh.empty()) return std::optional<LogPiece>();
  return std::optional(LogPiece{task.attempt(), kept, std::string(fresh)});
}

Outcome<AttemptStanding> Engine::Save(const AttemptSave& save) {
  const TaskSlot* const task = state_.Find(save.token.task);
  if (task == nullptr || task->state != TaskState::kRunning || task->token() != save.token)
    return LeaseIsLost(save.token);
  auto trail = std::make_shared<TaskTrail>(TaskTrail{.saved = save.saved});
  size_t saved_bytes = 0;
  if (!save.saved.empty()) {
    if (!task->HasBody()) return Outcome<AttemptStanding>::Need({save.token.task});
    const SavedSize all = SizeOver(save.saved, task->parts->saved.get());
    if (Status refusal = CheckSaved(all); !refusal.ok()) return refusal;
    saved_bytes = all.bytes;
  }
  if (save.log) {
    Result<std::optional<LogPiece>> piece = NewLog(*task, *save.log);
    if (!piece.ok()) return piece.status();
    trail->log = *std::move(piece);
  }
  if (trail->saved.empty() && !trail->log) {
    state_.RenewLease(save.token.task);
  } else {
    // Its lease is renewed: the worker is alive.
    TaskIsNow effect{
        .image = task->image(), .holder = state_.HolderOf(*task), .trail = std::move(trail)};
    NoteTrail(saved_bytes, &effect);
    Emit(effect);
  }
  return AttemptStanding{.log_bytes = LogBytes(state_.TermsOf(*task), task->attempt()),
                         .cancel_requested = task->cancel_requested};
}

}  // namespace treadle
