#include "shard/exchange_desk.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/check.h"

namespace treadle {
namespace {

constexpr int64_t kSessionIdleMs = 120'000;  // longer than any worker waits for an answer
constexpr int64_t kSessionSweepMs = 10'000;
constexpr int64_t kRetryParkingMs = 1'000;
constexpr int64_t kWorkerIsThereMs = 70'000;    // longer than any long poll
constexpr int64_t kBetweenExchangesMs = 1'000;  // from an answer to a worker's next exchange
constexpr size_t kNamesPerTurn = 20'000;

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

void ExchangeDesk::Begin(const Job& job) {
  const ExchangeRequest& request = job->request;
  Session& session = sessions_[request.holder];
  session.seen_ms = shard_->MonotonicMs();
  if (request.sequence <= session.answered)
    return shard_->Answer<ExchangeReply>(
        job->done,
        Status(Code::kAborted, "this worker has already sent a newer exchange: sequence " +
                                   std::to_string(session.sequence)));
  if (const Job older = parked_.TakeByHolder(request.holder)) End(older);
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
  Step(job, nullptr);
}

void ExchangeDesk::Step(const Job& job, const Loaded* loaded) {
  using enum ExchangeJob::Step;
  switch (job->step) {
    case kReport:
      if (!ApplyReports(job, loaded)) return;
      job->step = kRenew;
      [[fallthrough]];
    case kRenew:
      Renew(job);
      job->step = kLease;
      [[fallthrough]];
    case kLease:
      if (!Lease(job)) return;
  }
  const ExchangeReply& reply = job->reply;
  const bool has_news = NoteCancelRequests(job) || !reply.leases.empty() ||
                        !reply.reports.empty() || !reply.lost.empty();
  const bool may_wait = job->request.wait_ms > 0 && !job->request.goodbye && !shard_->is_closing();
  has_news || !may_wait ? Finish(job) : Park(job);
}

void ExchangeDesk::Renew(const Job& job) {
  const std::vector<Token> lost = shard_->Open().Renew(job->request.renew);
  job->reply.lost.insert(job->reply.lost.end(), lost.begin(), lost.end());
  if (!job->request.goodbye) return;
  // Also those that it does not know of, for their answer was lost.
  for (const Token& token : shard_->engine().LeasesOf(job->request.holder))
    shard_->Open().ReturnLease(token);
}

// False if the store must be asked first: then the exchange continues later.
bool ExchangeDesk::ApplyReports(const Job& job, const Loaded* loaded) {
  std::vector<TaskId> needs;
  std::vector<size_t> waiting;
  for (const size_t i : job->unreported) {
    const Report& report = job->request.reports[i];
    const TaskRecord* const record = FindIn(loaded, report.token.task);
    Outcome<bool> outcome = shard_->Open().Apply(report, record, loaded != nullptr);
    if (!outcome.needs.empty()) {
      needs.insert(needs.end(), outcome.needs.begin(), outcome.needs.end());
      waiting.push_back(i);
      continue;
    }
    ReportReply& reply = job->reply.reports[i];
    reply = {.token = report.token, .status = outcome.reply.status()};
    if (!outcome.reply.ok()) continue;
    shard_->stats().tasks_completed += report.kind == Report::Kind::kCompleted;
    if (report.kind != Report::Kind::kFailed) continue;
    shard_->stats().tasks_failed += 1;
    AddWhatFollows(shard_->engine(), record, &reply);
  }
  job->unreported = std::move(waiting);
  if (needs.empty()) return true;
  shard_->Load(needs, [this, job](const Loaded& found) { Step(job, &found); });
  return false;
}

// False as above.
bool ExchangeDesk::Lease(const Job& job) {
  const ExchangeRequest& request = job->request;
  if (request.want == 0 || shard_->is_closing()) return true;
  Outcome<LeaseReply> outcome = shard_->Open().Lease(
      {request.holder, request.sequence, request.queues, request.types, request.want});
  if (!outcome.needs.empty()) {
    shard_->LoadLane(outcome.needs, [this, job](const Loaded&) { Step(job, nullptr); });
    return false;
  }
  if (!outcome.reply.ok()) {
    shard_->After(0, [this, job] { Step(job, nullptr); });
    return false;
  }
  if (!outcome.reply->next.empty())
    shard_->LoadLane(std::move(outcome.reply->next), [](const Loaded&) {});
  shard_->stats().tasks_leased += outcome.reply->leases.size();
  job->reply.leases = std::move(outcome.reply->leases);
  return true;
}

// True if there is one that the worker has not been notified of.
bool ExchangeDesk::NoteCancelRequests(const Job& job) {
  job->reply.cancelled = shard_->engine().CancelRequestsOf(job->request.holder);
  const std::vector<Token>& told = sessions_[job->request.holder].told;
  return std::ranges::any_of(job->reply.cancelled, [&](const Token& token) {
    return std::ranges::find(told, token) == told.end();
  });
}

void ExchangeDesk::Finish(const Job& job) {
  TREADLE_CHECK(job->done != nullptr && job->unreported.empty());
  job->reply.delivery = next_delivery_++;
  job->reply.sequence = job->request.sequence;
  Session& session = sessions_[job->request.holder];
  session.seen_ms = shard_->MonotonicMs();
  if (job->reply.sequence > session.answered) {
    const auto [it, is_first] =
        session.deliveries.try_emplace(job->reply.sequence, job->reply.delivery);
    if (!is_first) it->second.reset();
  }
  NoteCancelRequests(job);  // what came up while it was parked
  session.told = job->reply.cancelled;
  shard_->Answer<ExchangeReply>(std::move(job->done), std::move(job->reply));
}

void ExchangeDesk::End(const Job& job) {
  shard_->Answer<ExchangeReply>(std::move(job->done), std::move(job->reply));
}

void ExchangeDesk::Park(const Job& job) {
  TREADLE_CHECK(job->step == ExchangeJob::Step::kLease && job->reply.leases.empty());
  // While it was loading, the worker has gone on.
  if (job->request.sequence < sessions_[job->request.holder].sequence) return End(job);
  // The same exchange, sent twice, while this one was loading.
  if (const Job twin = parked_.TakeByHolder(job->request.holder)) End(twin);
  if (!parked_.Park(job))
    return shard_->Answer<ExchangeReply>(
        job->done,
        Status(Code::kResourceExhausted,
               "the waiting workers already name " + std::to_string(ParkedExchanges::kLanesMax) +
                   " pairs of a queue and a type, the limit: name fewer queues or types")
            .WithRetryAfter(kRetryParkingMs));
  const int64_t now = shard_->MonotonicMs();
  // Parked again, it has its timer already, unless that has run out meanwhile.
  if (job->until_ms && now < *job->until_ms) return;
  if (!job->until_ms) job->until_ms = now + job->request.wait_ms;
  shard_->After(std::max<int64_t>(*job->until_ms - now, 0), [this, ticket = job->ticket] {
    if (const Job parked = parked_.TakeByTicket(ticket)) Finish(parked);
  });
}

void ExchangeDesk::Undelivered(const LeaseHolder& holder, const ExchangeReply& reply) {
  const auto session = sessions_.find(holder);
  // The worker has asked again, and was given the same leases, or has said that it has the answer:
  // they are in its hands, or will be.
  if (session != sessions_.end()) {
    const auto only = session->second.deliveries.find(reply.sequence);
    if (only == session->second.deliveries.end() || only->second != reply.delivery) return;
  }
  for (const Leased& lease : reply.leases) shard_->Open().ReturnLease(lease.token);
}

// Lost leases and cancel requests first: a worker that gets the same task again hears before that
// its old lease ended.
void ExchangeDesk::WakeWaiters() {
  WakeForLostLeases();
  WakeForCancelRequests();
  for (const Engine::ReadyLane& lane : shard_->engine().TakeReadyLanes()) {
    // Each is asked once: one that must wait for a task that runs apart is parked again.
    size_t waiting = parked_.WaitingFor(lane.queue, lane.type);
    for (; waiting > 0 && shard_->engine().HasReady(lane); --waiting) {
      const Job job = parked_.TakeByLane(lane.queue, lane.type);
      if (job == nullptr) break;
      TREADLE_CHECK(job->step == ExchangeJob::Step::kLease);
      Step(job, nullptr);
    }
  }
}

void ExchangeDesk::WakeForLostLeases() {
  std::map<LeaseHolder, std::vector<Token>> lost;
  for (HeldLease& lease : shard_->engine().TakeLostLeases()) {
    ++shard_->stats().leases_lost;
    lost[std::move(lease.holder)].push_back(lease.token);
  }
  for (auto& [holder, tokens] : lost) {
    const Job job = parked_.TakeByHolder(holder);
    if (job == nullptr) continue;  // it will hear when it renews
    job->reply.lost.insert(job->reply.lost.end(), tokens.begin(), tokens.end());
    Finish(job);
  }
}

// A worker whose exchange is parked hears at once; any other, by its next.
void ExchangeDesk::WakeForCancelRequests() {
  for (const HeldLease& lease : shard_->engine().TakeCancelRequests())
    if (const Job job = parked_.TakeByHolder(lease.holder)) Finish(job);
}

void ExchangeDesk::EndAll() {
  for (const Job& job : parked_.TakeAll()) End(job);
}

bool ExchangeDesk::ForgetIdleSessions() {
  const int64_t now = shard_->MonotonicMs();
  if (now < next_sweep_ms_) return false;
  next_sweep_ms_ = now + kSessionSweepMs;
  std::erase_if(sessions_,
                [&](const auto& entry) { return now - entry.second.seen_ms > kSessionIdleMs; });
  return true;
}

void ExchangeDesk::NoteWorkers(std::span<QueueView> views) const {
  std::unordered_map<std::string_view, QueueView*> unknown;
  for (QueueView& view : views) unknown.emplace(view.name, &view);
  const int64_t since = shard_->MonotonicMs() - kWorkerIsThereMs;
  size_t left = kNamesPerTurn;
  for (const auto& [holder, session] : sessions_) {
    if (unknown.empty()) return;
    if (session.seen_ms < since) continue;
    for (const std::string& name : session.queues) {
      if (left-- == 0) return;
      const auto found = unknown.find(name);
      if (found == unknown.end()) continue;
      found->second->has_workers = true;
      unknown.erase(found);
    }
  }
  for (const auto& [name, view] : unknown) view->has_workers = false;
}

// A worker has its hands full if it holds a lease. One that holds none and does not wait for a task
// either has gone, unless it was here a moment ago.
void ExchangeDesk::NoteWorkers(Explanation* explanation) const {
  const TaskView& view = explanation->reasons.view;
  const Engine& engine = shard_->engine();
  const int64_t now = shard_->MonotonicMs();
  for (const auto& [holder, session] : sessions_) {
    if (std::ranges::find(session.queues, view.queue) == session.queues.end() ||
        std::ranges::find(session.types, view.type) == session.types.end())
      continue;
    const bool waits = parked_.Waits(holder, view.queue, view.type);
    const bool holds = engine.state().LeasesOf(holder) != kNoSlot;
    const bool is_near = !holds && session.seen_ms >= now - kBetweenExchangesMs;
    explanation->workers += waits || holds || is_near;
    explanation->workers_free += (waits && engine.MayTakeMore(holder)) || is_near;
  }
  if (explanation->workers > 0) return;
  if (const Departure* const last = departures_.LastFor(view.queue, view.type)) {
    explanation->departure = *last;
    explanation->departed_ms_ago = now - last->at_ms;
  }
}

}  // namespace treadle
