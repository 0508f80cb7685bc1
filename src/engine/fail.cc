// Fail: an attempt did not work. Is there another, and when?

#include "base/check.h"
#include "engine/engine.h"

namespace treadle {

const RetryPolicy& Engine::RetryOf(const TaskImage& image, const TaskTerms* terms) const {
  if (terms != nullptr && terms->retry) return *terms->retry;
  const TypePolicy& type = state_.type_policy(image.type);
  return type.retry ? *type.retry : state_.queue(image.queue).policy.retry;
}

std::string Engine::AttemptTimeout::Text() const {
  TREADLE_CHECK(ms > 0);  // else no setting is behind it
  std::string text = "attempt_timeout_ms of ";
  text.append(of);
  if (!name.empty()) text.append(" ").append(name);
  return text;
}

Engine::AttemptTimeout Engine::AttemptTimeoutOf(const TaskImage& image,
                                                const TaskTerms* terms) const {
  if (terms != nullptr && terms->attempt_timeout_ms != 0)
    return {terms->attempt_timeout_ms, "the task", ""};
  const TypePolicy& type = state_.type_policy(image.type);
  if (type.attempt_timeout_ms != 0)
    return {type.attempt_timeout_ms, "type", state_.type_name(image.type)};
  const Queue& queue = state_.queue(image.queue);
  return {queue.policy.attempt_timeout_ms, "queue", queue.name};
}

// The contract and the policy both apply; "never" in either is final.
bool Engine::MayRetryAfter(const TaskImage& image, const TaskTerms* terms,
                           std::string_view error_code, bool worker_asks) const {
  auto said = CodeRetry::kDefault;
  if (terms != nullptr && terms->contract != 0) {
    const TypeContracts& contracts = state_.type_policy(image.type).contracts;
    if (const TypeContract* const contract = FindContract(contracts, terms->contract))
      said = contract->RetryAfter(error_code);
  }
  return said != CodeRetry::kNever &&
         MayRetry(RetryOf(image, terms), error_code, worker_asks || said == CodeRetry::kAlways);
}

void Engine::Fail(TaskImage image, AttemptOutcome outcome, std::shared_ptr<const TaskError> error,
                  bool may_retry, std::optional<int64_t> delay_ms) {
  TREADLE_CHECK(image.state == TaskState::kRunning && error != nullptr);
  // However the attempt ended, there is no other; why it was cancelled stays to be read.
  if (image.cancel_requested)
    return End(image, TaskState::kCancelled, AttemptOutcome::kCancelled, nullptr);
  const TaskTerms* const terms = state_.TermsOf(image);
  const RetryPolicy& policy = RetryOf(image, terms);
  const uint64_t random = Mix64(time_.random ^ Mix64(image.id.packed));
  const int64_t wait_ms = delay_ms ? *delay_ms : BackoffMs(policy, image.spent(), random);
  TaskIsNow failed{.image = image, .error = error};
  if (!MayRetryAfter(image, terms, error->code, may_retry) || image.spent() >= image.max_attempts ||
      !BoundRetryTime(policy.total_ms, wait_ms, &failed))
    return End(image, TaskState::kDead, outcome, std::move(error));
  TREADLE_CHECK(wait_ms >= 0);  // a retry is never due before its failure
  failed.image.exchange = 0;
  failed.image.state = TaskState::kRetrying;
  failed.image.when_ms = (state_.now() + wait_ms).ms;
  NoteEndOfAttempt(*state_.Find(image.id), outcome, wait_ms, &failed);
  Emit(failed);
  if (image.has_terms) ReleaseKey(image, Unique::kRunning);
}

// False if the next attempt would begin too late. Notes the first failure, from which that counts.
bool Engine::BoundRetryTime(int64_t total_ms, int64_t wait_ms, TaskIsNow* failed) const {
  if (total_ms == 0) return true;
  const TaskTerms* const terms = state_.TermsOf(failed->image);
  ShardTime first = terms == nullptr ? ShardTime{} : terms->first_failure;
  if (first == ShardTime{}) {
    first = std::max(state_.now(), ShardTime{1});
    auto noted = std::make_shared<TaskTerms>(terms == nullptr ? TaskTerms{} : *terms);
    noted->first_failure = first;
    failed->terms = std::move(noted);
    failed->image.has_terms = true;
  }
  return state_.now() + wait_ms <= first + total_ms;
}

}  // namespace treadle
