#include "sim/worker.h"

#include <algorithm>
#include <set>
#include <utility>

#include "sim/tenant.h"
#include "sim/trace_text.h"

namespace treadle::sim {
namespace {

constexpr uint32_t kConcurrency = 8;

}  // namespace

Worker::Worker(const Stage& stage, std::string name)
    : stage_(stage), holder_{std::move(name), stage.scheduler->random.Next()} {}

void Worker::Exchange() {
  const uint32_t sequence = ++sequence_;
  ExchangeRequest request{.holder = holder_, .sequence = sequence};
  request.answered = calls_.empty() ? sequence - 1 : calls_.begin()->first - 1;
  request.queues = {"default", "billing", "bounded", kTenantQueue};
  request.types = {"hello", "resize", kAgreedType};
  auto promised = static_cast<uint32_t>(held_.size());
  for (const auto& [other, call] : calls_) promised += call.request.want;
  request.want = kConcurrency - std::min<uint32_t>(kConcurrency, promised);
  request.wait_ms = 1'000;
  for (const auto& [token, attempt] : held_) request.renew.push_back(token);
  while (!finished_.empty() && request.reports.size() < 100) {
    request.reports.push_back(std::move(finished_.front()));
    finished_.pop_front();
  }
  calls_[sequence] = {std::move(request), stage_.history->Now()};
  SendNow(sequence);
  MaybeGoAhead();
}

void Worker::ExchangeAfter(int64_t pause_ms) {
  stage_.executor->PostAfter(pause_ms, [this, pause = ++pause_] {
    if (pause == pause_) Exchange();
  });
}

void Worker::MaybeGoAhead() {
  if (calls_.size() > 1 || !stage_.scheduler->random.OneIn(3)) return;
  const auto pause_ms = static_cast<int64_t>(stage_.scheduler->random.Below(20));
  stage_.executor->PostAfter(pause_ms, [this, sequence = sequence_, who = holder_.incarnation] {
    const bool is_last = who == holder_.incarnation && sequence == sequence_;
    if (is_last && calls_.contains(sequence)) Exchange();
  });
}

void Worker::SendNow(uint32_t sequence) {
  Call& call = calls_[sequence];
  const uint64_t round = call.round = ++round_;
  auto copies = std::make_shared<int>(1);
  const std::string note =
      stage_.scheduler->Note([&] { return holder_.worker + ": " + TextOf(call.request); });
  *copies = stage_.network->Send(note, [this, round, copies, request = call.request](Node* node) {
    const Caller caller{request.holder, request.sequence, round, *copies > 1};
    stage_.network->border()->Exchange(request, [this, caller, node](Result<ExchangeReply> reply) {
      Answer(caller, node, std::move(reply));
    });
  });
  if (*copies == 0 && !call.request.renew.empty()) stage_.faults->Count(Fault::kRenewalLost);
  stage_.executor->PostAfter(kAnswerTimeoutMs, [this, sequence, round] {
    const auto it = calls_.find(sequence);
    if (it == calls_.end() || it->second.round != round) return;
    stage_.faults->Count(Fault::kBlindRetry);
    SendNow(sequence);
  });
}

// On the server's side: sends the answer. The server may learn that it did not arrive.
void Worker::Answer(const Caller& caller, Node* node, Result<ExchangeReply> reply) {
  const std::string note = stage_.scheduler->Note(
      [&] { return caller.holder.worker + " is answered: " + TextOf(reply); });
  const bool went_out = stage_.network->Deliver(
      note, [this, caller, reply] { OnReply(caller.sequence, caller.round, reply); });
  if (went_out || caller.was_doubled || !reply.ok() ||
      !stage_.faults->Happens(Fault::kConnectionGone))
    return;
  // At once, or after the worker has asked again.
  SeededRandom& random = stage_.scheduler->random;
  const auto notices_after = static_cast<int64_t>(
      random.OneIn(3) ? random.Below(100) : kAnswerTimeoutMs + random.Below(kAnswerTimeoutMs));
  stage_.executor->PostAfter(
      notices_after, [this, node, term = node->term(), holder = caller.holder, reply] {
        // Only in this life of the server: a later one does not know the connection.
        Node* const now = stage_.network->node();
        if (now != node || now->term() != term) return;
        stage_.scheduler->Tell(
            [&] { return "the server sees that " + holder.worker + " is not there"; });
        now->Undelivered(holder, *reply);
      });
}

void Worker::OnReply(uint32_t sequence, uint64_t round, const Result<ExchangeReply>& reply) {
  const auto it = calls_.find(sequence);
  if (it == calls_.end() || it->second.round != round) return;
  const Call call = std::move(it->second);
  calls_.erase(it);
  if (!reply.ok()) {
    stage_.scheduler->Fold("exchange refused", static_cast<uint64_t>(reply.status().code()));
    return Restart();
  }
  TakeIn(call, *reply);
  if (stage_.faults->Happens(Fault::kWorkerDeath)) return Restart();
  if (!calls_.empty()) return;
  // Now and then it sleeps longer than its leases last.
  const bool stalls = stage_.faults->Happens(Fault::kWorkerStall);
  const uint64_t pause_ms = stage_.scheduler->random.Below(30);
  ExchangeAfter(stalls ? 40'000 : static_cast<int64_t>(pause_ms));
}

void Worker::TakeIn(const Call& call, const ExchangeReply& reply) {
  const std::vector<Report>& reports = call.request.reports;
  for (size_t i = 0; i < reports.size(); ++i) {
    stage_.history->Reported(reports[i], reply.reports[i].status, call.asked);
    if (stage_.faults->Happens(Fault::kDoubleReport)) finished_.push_back(reports[i]);
    if (reply.reports[i].status.code() == Code::kInvalidArgument) {
      Report invalid = Failure(reports[i].token);
      invalid.error = std::make_shared<TaskError>(TaskError{"result_invalid", "it fits no schema"});
      invalid.retry = false;
      Finish(std::move(invalid), std::nullopt);
    }
  }
  for (const Token& token : call.request.renew)
    if (std::ranges::find(reply.lost, token) == reply.lost.end())
      stage_.history->Renewed(token, call.asked);
  // A lease that is not held was reported in an exchange that overtook this one.
  for (const Token& token : reply.lost)
    if (held_.erase(token) > 0) stage_.history->Lost(token);
  for (const Token& token : reply.cancelled)
    if (stage_.scheduler->random.OneIn(2) && held_.erase(token) > 0)
      Finish(Failure(token), std::nullopt);
  for (const Leased& lease : reply.leases) Work(lease, call.asked);
}

void Worker::Work(const Leased& lease, History::Moment asked) {
  stage_.history->Leased(lease, asked);
  stage_.scheduler->Fold("leased", lease.token.task.packed, lease.token.attempt);
  held_[lease.token] = {};
  const uint64_t most_ms = stage_.scheduler->random.OneIn(4) ? 6'000 : 200;
  const auto work_ms = static_cast<int64_t>(stage_.scheduler->random.Below(most_ms));
  if (stage_.scheduler->random.OneIn(5))
    stage_.executor->PostAfter(work_ms / 2, [this, token = lease.token] {
      if (held_.contains(token)) SaveStep(token);
    });
  if (stage_.scheduler->random.OneIn(4))
    for (const int64_t part : {3, 2})
      stage_.executor->PostAfter(work_ms / part, [this, token = lease.token] {
        if (held_.contains(token)) SaveLog(token);
      });
  stage_.executor->PostAfter(work_ms, [this, token = lease.token, who = holder_.incarnation] {
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
  const std::string note =
      stage_.scheduler->Note([&] { return holder_.worker + ": " + TextOf(save); });
  stage_.network->Send(note, [this, save, kept = std::move(kept)](Node* node) {
    node->Do(SaveAttempt{save, Progress{.fraction = 0.5}}, [this, kept](const auto& standing) {
      const std::string answer = stage_.scheduler->Note(
          [&] { return holder_.worker + " is answered: save " + TextOf(standing); });
      stage_.network->Deliver(answer, [kept, standing] {
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

// The worker does not wait for an answer.
void Worker::SayGoodbye() {
  for (const auto& [token, attempt] : held_) stage_.history->GaveUp(token);
  ExchangeRequest request{.holder = holder_, .sequence = ++sequence_};
  request.goodbye = true;
  const std::string note = stage_.scheduler->Note([&] { return holder_.worker + " says goodbye"; });
  stage_.network->Send(note, [this, request](Node*) {
    stage_.network->border()->Exchange(request, [](const Result<ExchangeReply>&) {});
  });
}

void Worker::Restart() {
  stage_.scheduler->Fold("worker restarts");
  stage_.scheduler->Tell([&] { return holder_.worker + " restarts"; });
  if (stage_.scheduler->random.OneIn(3)) SayGoodbye();
  const std::map<Token, Attempt> before = std::exchange(held_, {});
  finished_.clear();
  for (const auto& [token, attempt] : before)
    if (stage_.faults->Happens(Fault::kOldToken)) Finish(EndOf(token), std::nullopt);
  holder_.incarnation = stage_.scheduler->random.Next();
  sequence_ = 0;
  calls_.clear();
  ExchangeAfter(500);
}

}  // namespace treadle::sim
