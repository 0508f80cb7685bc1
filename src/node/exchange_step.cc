// Shard: an exchange, step by step. Reports, renewals, leases; parked if there is nothing to say.

#include <algorithm>
#include <utility>

#include "node/shard.h"

namespace treadle {
namespace {

constexpr int64_t kSessionIdleMs = 120'000;  // longer than any worker waits for an answer
constexpr int64_t kSessionSweepMs = 10'000;
constexpr int64_t kRetryParkingMs = 1'000;

// The attempt has failed, by this report or by the first of which it is a repeat. A task that is
// not in memory has ended; one that is neither there nor loaded is no longer kept.
void AddWhatFollows(const Engine& engine, const TaskRecord* loaded, ReportReply* reply) {
  const TaskSlot* const task = engine.Peek(reply->token.task);
  if (task == nullptr && loaded == nullptr) return;
  reply->state = task != nullptr ? task->state : loaded->image.state;
  if (reply->state == TaskState::kReady) reply->retry_in_ms = 0;
  if (task != nullptr && reply->state == TaskState::kRetrying)
    reply->retry_in_ms = std::max<int64_t>(ShardTime{task->when_ms} - engine.state().now(), 0);
}

}  // namespace

void Shard::Exchange(Waiters::Job job) {
  if (failed_) return;
  const ExchangeRequest& request = job->request;
  Session& session = sessions_[request.holder];
  session.seen_ms = env_.clock->MonotonicMs();
  if (request.sequence <= session.answered)
    return Answer<ExchangeReply>(
        job->done,
        Status(Code::kAborted, "this worker has already sent a newer exchange: sequence " +
                                   std::to_string(session.sequence)));
  if (const Waiters::Job older = waiters_.TakeByHolder(request.holder)) EndParked(older);
  if (request.sequence <= session.sequence) session.told.clear();  // an answer was lost
  session.answered = std::max(session.answered, request.answered.value_or(request.sequence - 1));
  session.deliveries.erase(session.deliveries.begin(),
                           session.deliveries.upper_bound(session.answered));
  session.sequence = std::max(session.sequence, request.sequence);
  if (request.want > 0) {
    session.queues = request.queues;
    session.types = request.types;
  }
  if (request.goodbye) {
    session.queues.clear();  // it is not there for anyone any more
    if (!request.reason.empty())
      departures_.Add({.worker = request.holder.worker,
                       .reason = request.reason,
                       .queues = request.queues,
                       .types = request.types,
                       .at_ms = session.seen_ms});
  }
  job->reply.reports.resize(request.reports.size());
  for (size_t i = 0; i < request.reports.size(); ++i) job->unreported.push_back(i);
  StepExchange(job, {});
}

void Shard::StepExchange(const Waiters::Job& job, const Loaded& loaded) {
  if (!ApplyReports(job, loaded)) return;
  if (!std::exchange(job->renewed, true)) {
    const std::vector<Token> lost = Open().Renew(job->request.renew);
    job->reply.lost.insert(job->reply.lost.end(), lost.begin(), lost.end());
  }
  // Also those that it does not know of, for their answer was lost.
  if (job->request.goodbye)
    for (const Token& token : engine_->LeasesOf(job->request.holder)) Open().ReturnLease(token);
  if (!LeaseFor(job)) return;
  const ExchangeReply& reply = job->reply;
  const bool has_news = NoteCancelRequests(job) || !reply.leases.empty() ||
                        !reply.reports.empty() || !reply.lost.empty();
  has_news || job->request.wait_ms == 0 || job->request.goodbye || closing_ ? FinishExchange(job)
                                                                            : ParkExchange(job);
}

// False if the store must be asked first: then the exchange continues later.
bool Shard::ApplyReports(const Waiters::Job& job, const Loaded& loaded) {
  std::vector<TaskId> needs;
  std::vector<size_t> waiting;
  for (const size_t i : job->unreported) {
    const Report& report = job->request.reports[i];
    const TaskRecord* const record = Find(&loaded, report.token.task);
    Outcome<bool> outcome = Open().Apply(report, record, job->asked_store);
    if (!outcome.needs.empty()) {
      needs.insert(needs.end(), outcome.needs.begin(), outcome.needs.end());
      waiting.push_back(i);
      continue;
    }
    ReportReply& reply = job->reply.reports[i];
    reply = {.token = report.token, .status = outcome.reply.status()};
    if (!outcome.reply.ok()) continue;
    stats_.tasks_completed += report.kind == Report::Kind::kCompleted;
    if (report.kind != Report::Kind::kFailed) continue;
    stats_.tasks_failed += 1;
    AddWhatFollows(*engine_, record, &reply);
  }
  job->unreported = std::move(waiting);
  if (needs.empty()) return true;
  job->asked_store = true;
  Load(needs, [this, job](const Loaded& found) { StepExchange(job, found); });
  return false;
}

// False as above.
bool Shard::LeaseFor(const Waiters::Job& job) {
  const ExchangeRequest& request = job->request;
  if (request.want == 0 || closing_) return true;
  Outcome<LeaseReply> outcome =
      Open().Lease({request.holder, request.sequence, request.queues, request.types, request.want});
  if (!outcome.needs.empty()) {
    LoadLane(outcome.needs, [this, job](const Loaded&) { StepExchange(job, {}); });
    return false;
  }
  if (!outcome.reply.ok()) {
    env_.shard->Post([this, job] {
      if (!failed_) StepExchange(job, {});
    });
    return false;
  }
  if (!outcome.reply->next.empty()) LoadLane(std::move(outcome.reply->next), [](const Loaded&) {});
  stats_.tasks_leased += outcome.reply->leases.size();
  job->reply.leases = std::move(outcome.reply->leases);
  return true;
}

// True if there is one that the worker has not been notified of.
bool Shard::NoteCancelRequests(const Waiters::Job& job) {
  job->reply.cancelled = engine_->CancelRequestsOf(job->request.holder);
  const std::vector<Token>& told = sessions_[job->request.holder].told;
  return std::ranges::any_of(job->reply.cancelled, [&](const Token& token) {
    return std::ranges::find(told, token) == told.end();
  });
}

void Shard::FinishExchange(const Waiters::Job& job) {
  job->reply.delivery = next_ticket_++;
  job->reply.sequence = job->request.sequence;
  Session& session = sessions_[job->request.holder];
  session.seen_ms = env_.clock->MonotonicMs();
  if (job->reply.sequence > session.answered) {
    const auto [it, is_first] =
        session.deliveries.try_emplace(job->reply.sequence, job->reply.delivery);
    if (!is_first) it->second.reset();
  }
  NoteCancelRequests(job);  // what came up while it was parked
  session.told = job->reply.cancelled;
  Answer<ExchangeReply>(std::move(job->done), std::move(job->reply));
}

void Shard::EndParked(const Waiters::Job& job) {
  Answer<ExchangeReply>(std::move(job->done), std::move(job->reply));
}

void Shard::ParkExchange(const Waiters::Job& job) {
  // While it was loading, the worker has gone on.
  if (job->request.sequence < sessions_[job->request.holder].sequence) return EndParked(job);
  if (!waiters_.Park(job))
    return Answer<ExchangeReply>(
        job->done, Status(Code::kResourceExhausted,
                          "the waiting workers already name " + std::to_string(Waiters::kLanesMax) +
                              " pairs of a queue and a type, the limit: name fewer queues or types")
                       .WithRetryAfter(kRetryParkingMs));
  const int64_t now = env_.clock->MonotonicMs();
  // Parked again, it has its timer already, unless that has run out meanwhile.
  if (job->until_ms && now < *job->until_ms) return;
  if (!job->until_ms) job->until_ms = now + job->request.wait_ms;
  env_.shard->PostAfter(std::max<int64_t>(*job->until_ms - now, 0), [this, ticket = job->ticket] {
    if (failed_) return;
    if (const Waiters::Job parked = waiters_.TakeByTicket(ticket)) FinishExchange(parked);
  });
}

void Shard::Abandon(uint64_t ticket) {
  if (failed_) return;
  waiters_.TakeByTicket(ticket);
}

void Shard::Undelivered(const LeaseHolder& holder, const ExchangeReply& reply) {
  if (failed_) return;
  const auto session = sessions_.find(holder);
  // The worker has asked again, and was given the same leases, or has said that it has the answer:
  // they are in its hands, or will be.
  if (session != sessions_.end()) {
    const auto only = session->second.deliveries.find(reply.sequence);
    if (only == session->second.deliveries.end() || only->second != reply.delivery) return;
  }
  for (const Leased& lease : reply.leases) Open().ReturnLease(lease.token);
}

void Shard::ForgetIdleSessions() {
  const int64_t now = env_.clock->MonotonicMs();
  if (now < next_session_sweep_ms_) return;
  next_session_sweep_ms_ = now + kSessionSweepMs;
  std::erase_if(sessions_,
                [&](const auto& entry) { return now - entry.second.seen_ms > kSessionIdleMs; });
  ForgetProgress();
}

}  // namespace treadle
