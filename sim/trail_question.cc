#include "sim/trail_question.h"

#include <utility>

namespace treadle::sim {
namespace {

// How long the server waits for its store before it answers with what the store has.
constexpr int64_t kServerWaitsMs = 2'000;

}  // namespace

TrailQuestion::TrailQuestion(Scheduler* scheduler, History* history, TaskId id, About about)
    : scheduler_(scheduler),
      history_(history),
      id_(id),
      logged_(about == About::kLog ? history->trails().LoggedAttempt(id) : 0),
      told_(history->trails().Asking(id)) {}

bool TrailQuestion::IsCurrent(int64_t arrived_ms) const {
  return scheduler_->MonotonicMs() - arrived_ms < kServerWaitsMs;
}

void TrailQuestion::Ask(Node* node,
                        std::function<void(std::function<void()> compare)> answered) const {
  const int64_t arrived_ms = scheduler_->MonotonicMs();
  const auto answer = [question = *this, arrived_ms,
                       answered = std::move(answered)](const auto& reply) {
    answered([question, reply, is_current = question.IsCurrent(arrived_ms)] {
      question.Compare(reply, is_current);
    });
  };
  if (logged_ != 0)
    node->Do(GetLog{id_, logged_}, answer);
  else
    node->Do(GetHistory{id_}, answer);
}

bool TrailQuestion::IsNoAnswer(const Status& status) const {
  if (status.ok()) return false;
  const bool may_be = status.code() == Code::kUnavailable ||
                      (status.code() == Code::kNotFound && history_->MayBeGone(id_));
  if (!may_be)
    history_->Violation("what " + id_.ToString() + " left behind is lost: " + status.message());
  return true;
}

// The task may have been deleted after the server checked that it exists.
void TrailQuestion::Compare(const Result<HistoryReply>& reply, bool is_current) const {
  if (IsNoAnswer(reply.status())) return;
  if (reply->history.attempts.empty() && history_->MayBeGone(id_)) return;
  history_->trails().SeenHistory(
      id_, told_, *reply,
      {.is_current = is_current, .may_be_cancelled = history_->MayBeCancelled(id_)});
}

void TrailQuestion::Compare(const Result<LogReply>& reply, bool is_current) const {
  if (IsNoAnswer(reply.status())) return;
  if (reply->text.empty() && history_->MayBeGone(id_)) return;
  history_->trails().SeenLog(id_, told_, *reply, is_current);
}

}  // namespace treadle::sim
