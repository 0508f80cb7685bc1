#include "sim/actors.h"

#include <utility>

namespace treadle::sim {
namespace {

constexpr int64_t kAnswerTimeoutMs = 3'000;
constexpr uint32_t kConcurrency = 8;

std::shared_ptr<const TaskBody> BodyOf(std::string payload, std::string key) {
  auto body = std::make_shared<TaskBody>();
  body->payload = std::move(payload);
  body->idempotency_key = std::move(key);
  body->payload_sha256 = Sha256Of(body->payload);
  return body;
}

}  // namespace

void Network::Send(std::function<void(Node*)> call) {
  if (loss != 0 && scheduler_->random.OneIn(loss)) return scheduler_->Trace("request lost");
  lane_->PostAfter(Delay(), [this, call = std::move(call)] {
    if (Node* node = server_->node()) call(node);
  });
}

void Network::Deliver(std::function<void()> receive) {
  if (loss != 0 && scheduler_->random.OneIn(loss)) return scheduler_->Trace("answer lost");
  lane_->PostAfter(Delay(), std::move(receive));
}

Producer::Producer(Scheduler* scheduler, Network* network, History* history, Lane* lane,
                   std::string name, uint64_t total)
    : scheduler_(scheduler),
      network_(network),
      history_(history),
      lane_(lane),
      name_(std::move(name)),
      total_(total) {}

void Producer::SendBatch() {
  if (done()) return;
  SeededRandom& random = scheduler_->random;
  batch_.clear();
  const uint64_t size = std::min(total_ - sent_, 1 + random.Below(8));
  for (uint64_t i = 0; i < size; ++i) {
    NewTask task;
    task.queue = random.OneIn(3) ? "billing" : "default";
    task.type = random.OneIn(3) ? "resize" : "hello";
    task.priority = static_cast<uint8_t>(random.Below(10));
    task.max_attempts = static_cast<uint16_t>(3 + random.Below(10));
    if (random.OneIn(5)) task.delay_ms = static_cast<int64_t>(random.Below(5'000));
    SetTerms(&task);
    const std::string key = name_ + "-" + std::to_string(sent_ + i);
    const size_t bytes = random.OneIn(20) ? random.Below(20'000) : random.Below(100);
    task.body = BodyOf("\"" + key + std::string(bytes, '.') + "\"", key);
    batch_.push_back(std::move(task));
  }
  SendNow();
}

// What only some tasks have.
void Producer::SetTerms(NewTask* task) {
  SeededRandom& random = scheduler_->random;
  if (random.OneIn(8)) task->expires_ms = static_cast<int64_t>(100 + random.Below(20'000));
  if (random.OneIn(8)) task->deadline_ms = static_cast<int64_t>(500 + random.Below(60'000));
  if (random.OneIn(6)) task->attempt_timeout_ms = static_cast<int64_t>(50 + random.Below(5'000));
  if (random.OneIn(6)) task->unique = static_cast<Unique>(1 + random.Below(3));
  if (!random.OneIn(5)) return;
  RetryPolicy& retry = task->retry.emplace();
  retry.backoff = static_cast<Backoff>(1 + random.Below(3));
  retry.jitter = static_cast<Jitter>(1 + random.Below(3));
  retry.total_ms = random.OneIn(2) ? 30'000 : 0;
}

void Producer::SendNow() {
  const uint64_t round = ++round_;
  scheduler_->Trace("enqueue", sent_, batch_.size());
  network_->Send([this, round, batch = batch_](Node* node) {
    node->Enqueue(*EnqueueCommand::Make(batch), [this, round](Result<EnqueueReply> reply) {
      network_->Deliver([this, round, reply = std::move(reply)] {
        if (round == round_) OnReply(reply);
      });
    });
  });
  lane_->PostAfter(kAnswerTimeoutMs, [this, round] {
    if (round == round_) SendNow();  // no answer: ask the same again
  });
}

void Producer::OnReply(const Result<EnqueueReply>& reply) {
  ++round_;
  if (!reply.ok()) {
    scheduler_->Trace("refused", static_cast<uint64_t>(reply.status().code()));
    lane_->PostAfter(200, [this] { SendNow(); });
    return;
  }
  for (size_t i = 0; i < batch_.size(); ++i)
    history_->Accepted(batch_[i], reply->tasks[i].id, scheduler_->MonotonicMs());
  sent_ += batch_.size();
  lane_->PostAfter(static_cast<int64_t>(scheduler_->random.Below(300)), [this] { SendBatch(); });
}

Worker::Worker(Scheduler* scheduler, Network* network, History* history, Lane* lane,
               std::string name)
    : scheduler_(scheduler),
      network_(network),
      history_(history),
      lane_(lane),
      holder_{std::move(name), scheduler->random.Next()} {}

void Worker::Exchange() {
  request_ = {.holder = holder_, .sequence = ++sequence_};
  request_.queues = {"default", "billing"};
  request_.types = {"hello", "resize"};
  request_.want =
      kConcurrency - std::min<uint32_t>(kConcurrency, static_cast<uint32_t>(held_.size()));
  request_.wait_ms = 1'000;
  for (const auto& [token, unused] : held_) request_.renew.push_back(token);
  while (!finished_.empty() && request_.reports.size() < 100) {
    request_.reports.push_back(std::move(finished_.front()));
    finished_.pop_front();
  }
  SendNow();
}

void Worker::SendNow() {
  const uint64_t round = ++round_;
  network_->Send([this, round, request = request_](Node* node) {
    node->Exchange(request, [this, round](Result<ExchangeReply> reply) {
      network_->Deliver([this, round, reply = std::move(reply)] {
        if (round == round_) OnReply(reply);
      });
    });
  });
  lane_->PostAfter(kAnswerTimeoutMs, [this, round] {
    if (round == round_) SendNow();
  });
}

void Worker::OnReply(const Result<ExchangeReply>& reply) {
  ++round_;
  if (!reply.ok()) {
    scheduler_->Trace("exchange refused", static_cast<uint64_t>(reply.status().code()));
    return Restart();
  }
  for (size_t i = 0; i < request_.reports.size(); ++i)
    history_->Reported(request_.reports[i], reply->reports[i].second);
  for (const Token& token : reply->lost) held_.erase(token);
  for (const Token& token : reply->cancelled)
    if (scheduler_->random.OneIn(2) && held_.erase(token) > 0) ReportFailure(token);
  for (const Leased& lease : reply->leases) Work(lease);
  if (faults && scheduler_->random.OneIn(60)) return Restart();
  // Now and then it sleeps for longer than its leases last.
  const bool stalls = faults && scheduler_->random.OneIn(40);
  const uint64_t round = round_;
  lane_->PostAfter(stalls ? 40'000 : static_cast<int64_t>(scheduler_->random.Below(30)),
                   [this, round] {
                     if (round == round_) Exchange();
                   });
}

void Worker::Work(const Leased& lease) {
  history_->Leased(lease, scheduler_->MonotonicMs());
  scheduler_->Trace("leased", lease.token.task.packed, lease.token.attempt);
  held_[lease.token] = true;
  const auto work_ms = static_cast<int64_t>(scheduler_->random.Below(200));
  lane_->PostAfter(work_ms, [this, token = lease.token, who = holder_.incarnation] {
    if (who != holder_.incarnation || held_.erase(token) == 0) return;
    Report report;
    report.token = token;
    const uint64_t draw = scheduler_->random.Below(20);
    report.kind = draw == 0   ? Report::Kind::kReleased
                  : draw <= 3 ? Report::Kind::kFailed
                  : draw == 4 ? Report::Kind::kSnoozed
                  : draw == 5 ? Report::Kind::kDiscarded
                              : Report::Kind::kCompleted;
    if (report.kind == Report::Kind::kSnoozed)
      report.delay_ms = static_cast<int64_t>(scheduler_->random.Below(3'000));
    if (report.kind == Report::Kind::kDiscarded) {
      report.error = std::make_shared<TaskError>(TaskError{"discarded", "not wanted"});
      history_->Discarding(token.task);
    }
    if (report.kind == Report::Kind::kFailed) return ReportFailure(token);
    if (report.kind == Report::Kind::kCompleted)
      report.result = std::make_shared<TaskResult>(
          TaskResult{.bytes = "\"done\"", .sha256 = Sha256Of("\"done\"")});
    finished_.push_back(std::move(report));
  });
}

void Worker::ReportFailure(const Token& token) {
  Report report{.token = token, .kind = Report::Kind::kFailed};
  report.error = std::make_shared<TaskError>(TaskError{"simulated", "it failed"});
  finished_.push_back(std::move(report));
}

void Worker::Restart() {
  scheduler_->Trace("worker restarts");
  holder_.incarnation = scheduler_->random.Next();
  sequence_ = 0;
  held_.clear();
  finished_.clear();
  const uint64_t round = ++round_;
  lane_->PostAfter(500, [this, round] {
    if (round == round_) Exchange();
  });
}

}  // namespace treadle::sim
