#include "sim/operator.h"

#include <iterator>
#include <utility>

namespace treadle::sim {
namespace {

using Kind = TaskCommand::Kind;

constexpr int64_t kAnswerTimeoutMs = 3'000;
constexpr const char* kQueueNames[] = {"default", "billing"};

TaskEdit RandomEdit(SeededRandom* random) {
  TaskEdit edit;
  if (random->OneIn(2)) edit.queue = kQueueNames[random->Below(2)];
  if (random->OneIn(2)) edit.priority = static_cast<uint8_t>(random->Below(10));
  if (random->OneIn(3)) edit.delay_ms = static_cast<int64_t>(random->Below(3'000));
  if (random->OneIn(2)) {
    auto body = std::make_shared<TaskBody>();
    body->payload = "\"edited " + std::to_string(random->Next()) + '"';
    body->payload_sha256 = Sha256Of(body->payload);
    edit.payload = body;
  }
  return edit;
}

}  // namespace

void Operator::Later() {
  lane_->PostAfter(static_cast<int64_t>(scheduler_->random.Below(400)), [this] { Act(); });
}

void Operator::MakePeace() {
  peace_ = true;
  ++round_;
  SendPause(kQueueNames[0], false);
}

void Operator::Act() {
  if (peace_) return;
  SeededRandom& random = scheduler_->random;
  if (random.OneIn(8)) return SendPause(kQueueNames[random.Below(2)], random.OneIn(2));
  ActOnATask();
}

void Operator::ActOnATask() {
  SeededRandom& random = scheduler_->random;
  const auto& accepted = history_->accepted();
  if (accepted.empty()) return Later();
  TaskCommand command;
  command.kind = static_cast<Kind>(random.Below(5));
  command.id =
      std::next(accepted.begin(), static_cast<int64_t>(random.Below(accepted.size())))->second;
  if (command.kind == Kind::kEdit) command.edit = RandomEdit(&random);
  history_->Asked(command);
  scheduler_->Trace("by hand", static_cast<uint64_t>(command.kind), command.id.packed);
  SendTask(command);
}

void Operator::SendTask(const TaskCommand& command) {
  const uint64_t round = ++round_;
  network_->Send([this, round, command](Node* node) {
    node->Do(command, [this, round, command](const Result<TaskStanding>& answer) {
      network_->Deliver([this, round, command, answer] {
        if (round == round_) OnTask(command, answer);
      });
    });
  });
  Expect(round, [this, command] { SendTask(command); });
}

void Operator::OnTask(const TaskCommand& command, const Result<TaskStanding>& answer) {
  ++round_;
  history_->Answered(command, answer);
  Later();
}

void Operator::SendPause(const std::string& queue, bool paused) {
  const uint64_t round = ++round_;
  scheduler_->Trace(paused ? "pause" : "resume");
  network_->Send([this, round, queue, paused](Node* node) {
    node->Pause(queue, paused, [this, round](const Result<QueueView>& view) {
      if (view.ok()) scheduler_->Trace("paused", view->policy.paused);
      network_->Deliver([this, round] {
        if (round == round_) OnPaused();
      });
    });
  });
  Expect(round, [this, queue, paused] { SendPause(queue, paused); });
}

void Operator::OnPaused() {
  ++round_;
  if (!peace_) return Later();
  ++resumed_;
  if (!done()) SendPause(kQueueNames[resumed_], false);
}

void Operator::Expect(uint64_t round, std::function<void()> send) {
  lane_->PostAfter(kAnswerTimeoutMs, [this, round, send = std::move(send)] {
    if (round == round_) send();
  });
}

}  // namespace treadle::sim
