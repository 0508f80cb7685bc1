#include "sim/operator.h"

#include <set>
#include <utility>

#include "engine/commands/queues.h"
#include "engine/commands/types.h"
#include "sim/trace_text.h"
#include "sim/trail_question.h"

namespace treadle::sim {
namespace {

using Kind = TaskCommand::Kind;

constexpr const char* kMoveTargets[] = {"default", "billing"};

TaskEdit RandomEdit(SeededRandom* random) {
  TaskEdit edit;
  if (random->OneIn(2)) edit.queue = kMoveTargets[random->Below(2)];
  if (random->OneIn(2)) edit.priority = static_cast<uint8_t>(random->Below(10));
  if (random->OneIn(3)) edit.delay_ms = static_cast<int64_t>(random->Below(3'000));
  if (random->OneIn(2)) {
    auto body = std::make_shared<TaskBody>();
    std::set<uint32_t> fits;
    for (uint32_t version = 1; version <= kContractVersions; ++version)
      if (random->OneIn(2)) fits.insert(version);
    body->payload = FittingJson(fits, "edited " + std::to_string(random->Next()));
    body->payload_sha256 = Sha256Of(body->payload);
    edit.payload = body;
  }
  return edit;
}

}  // namespace

void Operator::Later() {
  stage_.executor->PostAfter(static_cast<int64_t>(stage_.scheduler->random.Below(200)),
                             [this] { Act(); });
}

void Operator::MakePeace() {
  peace_ = true;
  ++round_;
  SendPause(kMoveTargets[0], false);
}

void Operator::Act() {
  if (peace_) return;
  SeededRandom& random = stage_.scheduler->random;
  if (random.OneIn(8)) return SendPause(kMoveTargets[random.Below(2)], random.OneIn(2));
  if (random.OneIn(400)) return RunAllNow();
  if (random.OneIn(20)) return ChangeLease();
  ActOnATask();
}

void Operator::ActOnATask() {
  SeededRandom& random = stage_.scheduler->random;
  const auto& accepted = stage_.history->accepted();
  if (accepted.empty()) return Later();
  TaskCommand command;
  command.kind = static_cast<Kind>(random.Below(6));
  // Often the same task again: what one command leaves behind may trip the next.
  if (last_ == TaskId{} || random.OneIn(2)) last_ = accepted[random.Below(accepted.size())];
  command.id = last_;
  // A redriven task comes back even if the queue is full.
  if (command.kind == Kind::kRedrive && stage_.history->IsBounded(command.id))
    command.kind = Kind::kDelete;
  if (command.kind == Kind::kEdit) command.edit = RandomEdit(&random);
  asked_ = stage_.history->Now();
  stage_.history->Asked(command);
  stage_.scheduler->Fold("by hand", static_cast<uint64_t>(command.kind), command.id.packed);
  SendTask(command);
}

// A bulk action ends with the server that runs it, so the operator does not wait for it.
void Operator::RunAllNow() {
  stage_.history->AnyMayRunEarly();
  stage_.network->Send("operator: run all now", [](Node* node) {
    BulkRequest request;
    request.command.kind = Kind::kRunNow;
    node->Do(StartBulk{std::move(request)}, [](const Result<BulkView>&) {});
  });
  Later();
}

// The operator does not wait for the answer. A current lease lasts as long as promised, whatever
// the policy becomes.
void Operator::ChangeLease() {
  SeededRandom& random = stage_.scheduler->random;
  const std::string queue = kMoveTargets[random.Below(2)];
  const auto lease_ms = static_cast<int64_t>(1'000 << random.Below(4));
  stage_.scheduler->Fold("lease time", static_cast<uint64_t>(lease_ms));
  const std::string note = stage_.scheduler->Note(
      [&] { return "operator: " + queue + " leases for " + std::to_string(lease_ms) + " ms"; });
  stage_.network->Send(note, [queue, lease_ms](Node* node) {
    node->Do(SetQueuePolicy{queue, QueuePolicyPatch().Set("lease_ms", lease_ms)},
             [](const Result<QueueView>&) {});
  });
  Later();
}

void Operator::SendTask(const TaskCommand& command) {
  const uint64_t round = ++round_;
  const auto answered = [this, round, command](const Result<TaskStanding>& answer) {
    const std::string note =
        stage_.scheduler->Note([&] { return "operator is answered: " + TextOf(answer); });
    stage_.network->Deliver(
        note,
        [this, round, command, answer] {
          if (round == round_) OnTask(command, answer);
        },
        Network::Care::kInOrder);
  };
  const std::string note = stage_.scheduler->Note([&] { return "operator: " + TextOf(command); });
  stage_.network->Send(
      note, [this, command, answered](Node*) { stage_.network->border()->Do(command, answered); },
      Network::Care::kInOrder);
  Expect(round, [this, command] { SendTask(command); });
}

void Operator::OnTask(const TaskCommand& command, const Result<TaskStanding>& answer) {
  ++round_;
  stage_.history->Answered(command, answer, asked_);
  Later();
}

void Operator::SendPause(const std::string& queue, bool paused) {
  const uint64_t round = ++round_;
  stage_.scheduler->Fold(paused ? "pause" : "resume");
  stage_.history->PauseAsked(queue, paused);
  const std::string note = stage_.scheduler->Note(
      [&] { return std::string(paused ? "operator: pause " : "operator: resume ") + queue; });
  stage_.network->Send(
      note,
      [this, round, queue, paused](Node* node) {
        node->Do(
            PauseQueue{queue, paused}, [this, round, queue, paused](const Result<QueueView>& view) {
              if (view.ok()) stage_.scheduler->Fold("paused", view->policy.paused);
              const bool done = view.ok();
              const std::string answer =
                  stage_.scheduler->Note([&] { return "operator is answered: " + TextOf(view); });
              stage_.network->Deliver(
                  answer,
                  [this, round, queue, paused, done] {
                    if (round == round_) OnPaused(queue, paused && done);
                  },
                  Network::Care::kInOrder);
            });
      },
      Network::Care::kInOrder);
  Expect(round, [this, queue, paused] { SendPause(queue, paused); });
}

void Operator::OnPaused(const std::string& queue, bool paused) {
  ++round_;
  stage_.history->PauseAnswered(queue, paused);
  if (!peace_) return Later();
  ++resumed_;
  if (!done()) SendPause(kMoveTargets[resumed_], false);
}

void Operator::Expect(uint64_t round, std::function<void()> send) {
  stage_.executor->PostAfter(kAnswerTimeoutMs, [this, round, send = std::move(send)] {
    if (round == round_) send();
  });
}

void Observer::Later() {
  stage_.executor->PostAfter(static_cast<int64_t>(stage_.scheduler->random.Below(200)),
                             [this] { Look(); });
}

void Observer::Look() {
  const uint64_t round = ++round_;
  const uint64_t draw = stage_.scheduler->random.Below(8);
  if (draw == 0)
    LookAtQueues();
  else if (draw == 1)
    LookAtType();
  else
    draw < 5 ? LookAtTrail() : LookAtTask();
  stage_.executor->PostAfter(kAnswerTimeoutMs, [this, round] {
    if (round == round_) Look();
  });
}

bool Observer::Heard(uint64_t round) {
  if (round != round_) return false;
  ++round_;
  Later();
  return true;
}

void Observer::LookAtTask() {
  const auto& accepted = stage_.history->accepted();
  if (accepted.empty()) return;
  const TaskId id = accepted[stage_.scheduler->random.Below(accepted.size())];
  const History::Told told = stage_.history->Asking(id);
  stage_.network->Send(
      stage_.scheduler->Note([&] { return "observer: get " + id.ToString(); }),
      [this, id, told, round = round_](Node* node) {
        node->Do(GetTask{.id = id}, [this, id, told, round](const Result<TaskView>& view) {
          stage_.network->Deliver(
              stage_.scheduler->Note([&] { return "observer is answered: " + TextOf(view); }),
              [this, id, told, round, view] {
                if (Heard(round)) stage_.history->Seen(id, told, view);
              },
              Network::Care::kInOrder);
        });
      },
      Network::Care::kInOrder);
}

void Observer::LookAtTrail() {
  const auto& accepted = stage_.history->accepted();
  if (accepted.empty()) return;
  const TaskId id = accepted[stage_.scheduler->random.Below(accepted.size())];
  const TrailQuestion question(stage_.scheduler, stage_.history, id,
                               stage_.scheduler->random.OneIn(2) ? TrailQuestion::About::kLog
                                                                 : TrailQuestion::About::kAttempts);
  stage_.network->Send(
      stage_.scheduler->Note([&] { return "observer: log or history of " + id.ToString(); }),
      [this, question, round = round_](Node* node) {
        question.Ask(node, [this, round](std::function<void()> check) {
          stage_.network->Deliver(
              "observer is answered: log or history",
              [this, round, check = std::move(check)] {
                if (Heard(round)) check();
              },
              Network::Care::kInOrder);
        });
      },
      Network::Care::kInOrder);
}

void Observer::LookAtType() {
  stage_.network->Send(
      "observer: get the type",
      [this, asked_ms = stage_.scheduler->MonotonicMs(), round = round_](Node* node) {
        node->Do(GetType{kAgreedType}, [this, asked_ms, round](const Result<TypeView>& view) {
          stage_.network->Deliver(
              stage_.scheduler->Note([&] { return "observer is answered: " + TextOf(view); }),
              [this, asked_ms, round, view] {
                if (Heard(round))
                  stage_.history->types().SeenType(view,
                                                   {asked_ms, stage_.scheduler->MonotonicMs()});
              },
              Network::Care::kInOrder);
        });
      },
      Network::Care::kInOrder);
}

void Observer::LookAtQueues() {
  stage_.network->Send(
      "observer: list queues",
      [this, round = round_](Node* node) {
        node->Do(ListQueues{}, [this, round](const Result<ListPart<QueueView>>& queues) {
          stage_.network->Deliver(
              "observer is answered: queues",
              [this, round, queues] {
                if (Heard(round) && queues.ok()) stage_.history->SeenQueues(queues->views);
              },
              Network::Care::kInOrder);
        });
      },
      Network::Care::kInOrder);
}

}  // namespace treadle::sim
