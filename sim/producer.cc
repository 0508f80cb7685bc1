#include "sim/producer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "sim/trace_text.h"

namespace treadle::sim {
namespace {

constexpr uint64_t kBurstFactor = 10;
constexpr size_t kOldMax = 50;
constexpr uint64_t kBoundedMax = 8;  // per batch, in the queue with a capacity
constexpr const char* kQueueNames[] = {"default", "billing", "bounded"};

std::shared_ptr<const TaskBody> BodyOf(std::string payload, std::string key) {
  auto body = std::make_shared<TaskBody>();
  body->payload = std::move(payload);
  body->idempotency_key = std::move(key);
  body->payload_sha256 = Sha256Of(body->payload);
  return body;
}

std::set<uint32_t> SomeVersions(SeededRandom* random) {
  std::set<uint32_t> versions;
  for (uint32_t version = 1; version <= kContractVersions; ++version)
    if (!random->OneIn(10)) versions.insert(version);
  return versions;
}

}  // namespace

Producer::Producer(const Stage& stage, std::string name, uint64_t total)
    : stage_(stage), name_(std::move(name)), total_(total) {}

void Producer::Burst() {
  if (done() || bursts_left_ == 0) return;
  --bursts_left_;
  total_ += 40;
  burst_until_ms_ = stage_.scheduler->MonotonicMs() + 3'000;
}

void Producer::SendBatch() {
  if (done()) return;
  SeededRandom& random = stage_.scheduler->random;
  batch_.clear();
  is_old_ = !old_.empty() && random.OneIn(6);
  asked_ = stage_.history->Now();
  if (is_old_) {
    batch_.push_back(old_[random.Below(old_.size())]);
    return SendNow();
  }
  const bool bursts = stage_.scheduler->MonotonicMs() < burst_until_ms_;
  const uint64_t most = bursts ? 8 * kBurstFactor : 8;
  const uint64_t size = std::min(total_ - sent_, 1 + random.Below(most));
  size_t bytes = 0;
  for (uint64_t i = 0; i < size; ++i) {
    NewTask task = MakeTask(name_ + "-" + std::to_string(sent_ + i), i < kBoundedMax ? 3 : 2);
    bytes += task.body->payload.size();
    if (bytes > kBodyBytes) break;  // the task comes with the next batch
    batch_.push_back(std::move(task));
  }
  SendNow();
}

NewTask Producer::MakeTask(const std::string& key, size_t queues) {
  SeededRandom& random = stage_.scheduler->random;
  NewTask task;
  task.queue = kQueueNames[random.Below(queues)];
  const uint64_t type = random.Below(4);
  task.type = type == 0 ? "resize" : type == 1 ? kAgreedType : "hello";
  task.priority = static_cast<uint8_t>(random.Below(10));
  task.max_attempts = static_cast<uint16_t>(1 + random.Below(12));
  if (random.OneIn(5))
    task.delay_ms = static_cast<int64_t>(1 + random.Below(5'000));
  else if (random.OneIn(8))
    task.run_at = stage_.scheduler->Wall() + static_cast<int64_t>(random.Below(10'000));
  if (random.OneIn(6))
    task.idempotency_window_ms = static_cast<int64_t>(1'000 + random.Below(60'000));
  SetTerms(&task);
  const size_t bytes = random.OneIn(20) ? random.Below(20'000) : random.Below(100);
  const std::string text = key + std::string(bytes, '.');
  if (task.type != kAgreedType) {
    task.body = BodyOf('"' + text + '"', key);
  } else {
    task.body = BodyOf(FittingJson(SomeVersions(&random), text), key);
    SetAgreed(&task);
  }
  return task;
}

// May name the version it is made for, and may leave its max_attempts to its type.
void Producer::SetAgreed(NewTask* task) {
  SeededRandom& random = stage_.scheduler->random;
  if (random.OneIn(2)) task->max_attempts = 0;
  task->contract_was_asked_for = random.OneIn(16);
  if (task->contract_was_asked_for)
    task->contract = static_cast<uint32_t>(1 + random.Below(kContractVersions));
}

// Fields that only some tasks have.
void Producer::SetTerms(NewTask* task) {
  SeededRandom& random = stage_.scheduler->random;
  if (random.OneIn(8)) task->expires_ms = static_cast<int64_t>(100 + random.Below(20'000));
  if (random.OneIn(8)) task->deadline_ms = static_cast<int64_t>(500 + random.Below(60'000));
  if (random.OneIn(6)) task->attempt_timeout_ms = static_cast<int64_t>(50 + random.Below(5'000));
  if (task->idempotency_window_ms == 0 && random.OneIn(6))
    task->unique = static_cast<Unique>(1 + random.Below(3));
  if (!random.OneIn(5)) return;
  RetryPolicy& retry = task->retry.emplace();
  retry.backoff = static_cast<Backoff>(1 + random.Below(3));
  retry.jitter = static_cast<Jitter>(1 + random.Below(3));
  retry.total_ms = random.OneIn(2) ? 30'000 : 0;
}

void Producer::SendNow() {
  const uint64_t round = ++round_;
  stage_.scheduler->Fold("enqueue", sent_, batch_.size());
  const std::string note = stage_.scheduler->Note([&] { return name_ + ": " + TextOf(batch_); });
  stage_.network->Send(note, [this, round, batch = batch_](Node*) {
    stage_.network->border()->Enqueue(
        *EnqueueCommand::Make(batch), [this, round](Result<EnqueueReply> reply) {
          const std::string answer =
              stage_.scheduler->Note([&] { return name_ + " is answered: " + TextOf(reply); });
          stage_.network->Deliver(answer, [this, round, reply = std::move(reply)] {
            if (round == round_) OnReply(reply);
          });
        });
  });
  stage_.executor->PostAfter(kAnswerTimeoutMs, [this, round] {
    if (round != round_) return;
    stage_.faults->Count(Fault::kBlindRetry);  // no answer: send the same again
    SendNow();
  });
}

void Producer::OnReply(const Result<EnqueueReply>& reply) {
  ++round_;
  SeededRandom& random = stage_.scheduler->random;
  if (!reply.ok()) stage_.history->Refused(batch_, reply.status(), asked_);
  const bool is_final = reply.status().code() == Code::kInvalidArgument;
  // A time or a key that was valid in the first request may be invalid in a later one.
  if (!reply.ok() && !is_old_ && !is_final) {
    stage_.scheduler->Fold("refused", static_cast<uint64_t>(reply.status().code()));
    stage_.executor->PostAfter(200, [this] { SendNow(); });
    return;
  }
  for (size_t i = 0; reply.ok() && i < batch_.size(); ++i) {
    stage_.history->Accepted(batch_[i], reply->tasks[i], asked_);
    if (!is_old_ && old_.size() < kOldMax && batch_[i].unique == Unique::kNo)
      old_.push_back(batch_[i]);
  }
  if (!is_old_) sent_ += batch_.size();
  const bool bursts = stage_.scheduler->MonotonicMs() < burst_until_ms_;
  stage_.executor->PostAfter(static_cast<int64_t>(random.Below(bursts ? 30 : 300)),
                             [this] { SendBatch(); });
}

void KeyProducer::Later() {
  stage_.executor->PostAfter(static_cast<int64_t>(stage_.scheduler->random.Below(1'000)), [this] {
    if (!peace_) Send(stage_.scheduler->random.Below(kKeys));
  });
}

void KeyProducer::AskForAll() {
  if (!done()) Send(next_);
}

void KeyProducer::Send(size_t key) {
  const uint64_t round = ++round_;
  const bool replaces = key % 2 == 1;
  NewTask task;
  task.type = "hello";
  task.max_attempts = 3;
  const std::string name = (replaces ? "latest-" : "unique-") + std::to_string(key);
  task.body = BodyOf('"' + name + '"', name);
  if (replaces)
    task.on_duplicate = OnDuplicate::kReplace;
  else
    task.unique = Unique::kDone;
  if (replaces) task.idempotency_window_ms = 5'000;
  asked_ = stage_.history->Now();
  const std::string note = stage_.scheduler->Note([&] { return "keys: enqueue " + TextOf(task); });
  stage_.network->Send(note, [this, round, task](Node* node) {
    node->Do(*EnqueueCommand::Make({task}), [this, round, task](Result<EnqueueReply> reply) {
      const std::string answer =
          stage_.scheduler->Note([&] { return "keys are answered: " + TextOf(reply); });
      stage_.network->Deliver(answer, [this, round, task, reply = std::move(reply)] {
        if (round == round_) OnReply(task, reply);
      });
    });
  });
  stage_.executor->PostAfter(kAnswerTimeoutMs, [this, round] {
    if (round != round_) return;
    ++round_;
    peace_ ? AskForAll() : Later();
  });
}

void KeyProducer::OnReply(const NewTask& task, const Result<EnqueueReply>& reply) {
  ++round_;
  if (reply.ok()) stage_.history->Accepted(task, reply->tasks[0], asked_);
  if (!peace_) return Later();
  if (task.unique == Unique::kDone && (!reply.ok() || reply->tasks[0].duplicate))
    stage_.history->Violation("key " + task.body->idempotency_key +
                              " is taken, and all its tasks have ended");
  ++next_;
  AskForAll();
}

}  // namespace treadle::sim
