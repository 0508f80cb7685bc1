#include "sim/worker.h"

#include <algorithm>
#include <set>
#include <utility>

#include "sim/tenant.h"

namespace treadle::sim {
namespace {

constexpr int64_t kAnswerTimeoutMs = 3'000;
constexpr uint32_t kConcurrency = 8;

}  // namespace

Worker::Worker(const Stage& stage, std::string name)
    : stage_(stage), holder_{std::move(name), stage.scheduler->random.Next()} {}

void Worker::Exchange() {
  request_ = {.holder = holder_, .sequence = ++sequence_};
  request_.queues = {"default", "billing", "bounded", kTenantQueue};
  request_.types = {"hello", "resize", kAgreedType};
  request_.want =
      kConcurrency - std::min<uint32_t>(kConcurrency, static_cast<uint32_t>(held_.size()));
  request_.wait_ms = 1'000;
  for (const auto& [token, attempt] : held_) request_.renew.push_back(token);
  while (!finished_.empty() && request_.reports.size() < 100) {
    request_.reports.push_back(std::move(finished_.front()));
    finished_.pop_front();
  }
  asked_ = stage_.history->Now();
  SendNow();
}

void Worker::SendNow() {
  const uint64_t round = ++round_;
  auto copies = std::make_shared<int>(1);
  *copies = stage_.network->Send([this, round, copies, request = request_](Node* node) {
    stage_.network->border()->Exchange(
        request, [this, round, copies, node, holder = request.holder](Result<ExchangeReply> reply) {
          Answer({holder, round, *copies > 1}, node, std::move(reply));
        });
  });
  if (*copies == 0 && !request_.renew.empty()) stage_.faults->Count(Fault::kRenewalLost);
  stage_.lane->PostAfter(kAnswerTimeoutMs, [this, round] {
    if (round != round_) return;
    stage_.faults->Count(Fault::kBlindRetry);
    SendNow();
  });
}

// On the server's side: the answer goes out, and perhaps the server learns that it did not arrive.
void Worker::Answer(const Caller& caller, Node* node, Result<ExchangeReply> reply) {
  const bool went_out = stage_.network->Deliver([this, round = caller.round, reply] {
    if (round == round_) OnReply(reply);
  });
  if (went_out || caller.was_doubled || !reply.ok() ||
      !stage_.faults->Happens(Fault::kConnectionGone))
    return;
  // At once, or when the worker has asked again.
  SeededRandom& random = stage_.scheduler->random;
  const auto notices_after = static_cast<int64_t>(
      random.OneIn(3) ? random.Below(100) : kAnswerTimeoutMs + random.Below(kAnswerTimeoutMs));
  stage_.lane->PostAfter(notices_after,
                         [this, node, term = node->term(), holder = caller.holder, reply] {
                           // Of this life of the server: a later one knows nothing of the
                           // connection.
                           Node* const now = stage_.network->node();
                           if (now == node && now->term() == term) now->Undelivered(holder, *reply);
                         });
}

void Worker::OnReply(const Result<ExchangeReply>& reply) {
  ++round_;
  if (!reply.ok()) {
    stage_.scheduler->Trace("exchange refused", static_cast<uint64_t>(reply.status().code()));
    return Restart();
  }
  TakeIn(*reply);
  if (stage_.faults->Happens(Fault::kWorkerDeath)) return Restart();
  // Now and then it sleeps for longer than its leases last.
  const bool stalls = stage_.faults->Happens(Fault::kWorkerStall);
  const uint64_t round = round_;
  const uint64_t pause_ms = stage_.scheduler->random.Below(30);
  stage_.lane->PostAfter(stalls ? 40'000 : static_cast<int64_t>(pause_ms), [this, round] {
    if (round == round_) Exchange();
  });
}

void Worker::TakeIn(const ExchangeReply& reply) {
  for (size_t i = 0; i < request_.reports.size(); ++i) {
    stage_.history->Reported(request_.reports[i], reply.reports[i].second, asked_);
    if (stage_.faults->Happens(Fault::kDoubleReport)) finished_.push_back(request_.reports[i]);
    if (reply.reports[i].second.code() == Code::kInvalidArgument) {
      Report invalid = Failure(request_.reports[i].token);
      invalid.error = std::make_shared<TaskError>(TaskError{"result_invalid", "it fits no schema"});
      invalid.retry = false;
      Finish(std::move(invalid), std::nullopt);
    }
  }
  for (const Token& token : request_.renew)
    if (std::ranges::find(reply.lost, token) == reply.lost.end())
      stage_.history->Renewed(token, asked_);
  for (const Token& token : reply.lost) {
    stage_.history->Lost(token);
    held_.erase(token);
  }
  for (const Token& token : reply.cancelled)
    if (stage_.scheduler->random.OneIn(2) && held_.erase(token) > 0)
      Finish(Failure(token), std::nullopt);
  for (const Leased& lease : reply.leases) Work(lease);
}

void Worker::Work(const Leased& lease) {
  stage_.history->Leased(lease, asked_);
  stage_.scheduler->Trace("leased", lease.token.task.packed, lease.token.attempt);
  held_[lease.token] = {};
  const uint64_t most_ms = stage_.scheduler->random.OneIn(4) ? 6'000 : 200;
  const auto work_ms = static_cast<int64_t>(stage_.scheduler->random.Below(most_ms));
  if (stage_.scheduler->random.OneIn(5))
    stage_.lane->PostAfter(work_ms / 2, [this, token = lease.token] {
      if (held_.contains(token)) SaveStep(token);
    });
  if (stage_.scheduler->random.OneIn(4))
    for (const int64_t part : {3, 2})
      stage_.lane->PostAfter(work_ms / part, [this, token = lease.token] {
        if (held_.contains(token)) SaveLog(token);
      });
  stage_.lane->PostAfter(work_ms, [this, token = lease.token, who = holder_.incarnation] {
    if (who == holder_.incarnation) EndAttempt(token);
  });
}

// The step without a name is the checkpoint.
void Worker::SaveStep(const Token& token) {
  SeededRandom& random = stage_.scheduler->random;
  const uint64_t number = random.Below(4);
  const std::string name = number == 3 ? "" : "step-" + std::to_string(number);
  const std::string result = std::to_string(random.Next());
  AttemptSave save{.token = token};
  if (name.empty())
    save.saved.checkpoint = {result, ""};
  else
    save.saved.steps[name] = {result, ""};
  stage_.history->Saving(token, name, result);
  SendSave(save, [this, token, name, result](const AttemptStanding&) {
    stage_.history->Saved(token, name, result);
  });
}

void Worker::SaveLog(const Token& token) {
  AttemptSave save{.token = token};
  save.log = MoreLog(token, &held_[token]);
  SendSave(save, [this, token](const AttemptStanding& standing) {
    stage_.history->trails().Logged(token, standing.log_bytes);
    if (const auto held = held_.find(token); held != held_.end())
      held->second.kept = std::max(held->second.kept, standing.log_bytes);
  });
}

LogText Worker::MoreLog(const Token& token, Attempt* attempt) {
  SeededRandom& random = stage_.scheduler->random;
  attempt->log +=
      "line " + std::to_string(random.Next()) + std::string(random.Below(60), '-') + '\n';
  stage_.history->trails().Logging(token, attempt->log);
  return {attempt->kept, attempt->log.substr(attempt->kept)};
}

void Worker::SendSave(const AttemptSave& save, std::function<void(const AttemptStanding&)> kept) {
  stage_.network->Send([this, save, kept = std::move(kept)](Node* node) {
    node->Save(save, Progress{.fraction = 0.5}, [this, kept](const auto& standing) {
      stage_.network->Deliver([kept, standing] {
        if (standing.ok()) kept(*standing);
      });
    });
  });
}

void Worker::EndAttempt(const Token& token) {
  const auto held = held_.find(token);
  if (held == held_.end()) return;
  Attempt attempt = std::move(held->second);
  held_.erase(held);
  std::optional<LogText> last;
  if (!attempt.log.empty()) last = MoreLog(token, &attempt);
  Finish(EndOf(token), std::move(last));
}

Report Worker::EndOf(const Token& token) {
  SeededRandom& random = stage_.scheduler->random;
  Report report{.token = token};
  const uint64_t draw = random.Below(20);
  if (draw >= 2 && draw <= 4) return Failure(token);
  if (draw == 0) {
    report.kind = Report::Kind::kReleased;
  } else if (draw == 1) {
    report.kind = Report::Kind::kSnoozed;
    report.delay_ms = static_cast<int64_t>(random.Below(3'000));
  } else if (draw == 5) {
    report.kind = Report::Kind::kDiscarded;
    report.error = std::make_shared<TaskError>(TaskError{"discarded", "not wanted"});
  } else {
    std::set<uint32_t> fits;
    for (uint32_t version = 1; version <= kContractVersions; ++version)
      if (!random.OneIn(8)) fits.insert(version);
    const std::string result = FittingJson(fits, std::to_string(random.Next()));
    report.result =
        std::make_shared<TaskResult>(TaskResult{.bytes = result, .sha256 = Sha256Of(result)});
  }
  return report;
}

Report Worker::Failure(const Token& token) {
  Report report{.token = token, .kind = Report::Kind::kFailed};
  SeededRandom& random = stage_.scheduler->random;
  const char* const codes[] = {"simulated", kHopelessCode, "busy"};
  report.error = std::make_shared<TaskError>(TaskError{codes[random.Below(3)], "it failed"});
  if (random.OneIn(2)) report.delay_ms = static_cast<int64_t>(random.Below(5'000));
  return report;
}

void Worker::Finish(Report report, std::optional<LogText> last) {
  report.log = std::move(last);
  stage_.history->Reporting(report);
  finished_.push_back(std::move(report));
}

void Worker::Restart() {
  stage_.scheduler->Trace("worker restarts");
  const std::map<Token, Attempt> before = std::exchange(held_, {});
  finished_.clear();
  for (const auto& [token, attempt] : before)
    if (stage_.faults->Happens(Fault::kOldToken)) Finish(EndOf(token), std::nullopt);
  holder_.incarnation = stage_.scheduler->random.Next();
  sequence_ = 0;
  const uint64_t round = ++round_;
  stage_.lane->PostAfter(500, [this, round] {
    if (round == round_) Exchange();
  });
}

}  // namespace treadle::sim
