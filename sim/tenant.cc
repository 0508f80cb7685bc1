#include "sim/tenant.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "engine/commands/queues.h"
#include "sim/trace_text.h"

namespace treadle::sim {
namespace {

constexpr uint64_t kTenantPauseMs = 600;

bool IsInTrouble(const Status& status) {
  return status.code() == Code::kUnavailable || status.code() == Code::kResourceExhausted;
}

NewTask TaskOf(const std::string& key) {
  auto body = std::make_shared<TaskBody>();
  body->payload = '"' + key + '"';
  body->idempotency_key = key;
  body->payload_sha256 = Sha256Of(body->payload);
  return {.queue = kTenantQueue, .type = "hello", .body = body, .max_attempts = 3};
}

}  // namespace

void Tenant::Later(void (Tenant::*next)()) {
  stage_.executor->PostAfter(static_cast<int64_t>(stage_.scheduler->random.Below(kTenantPauseMs)),
                             [this, next] { (this->*next)(); });
}

void Tenant::Ask(const std::string& what, const std::function<void(Node*, Answer)>& call,
                 const Answer& next) {
  was_asked_again_ = false;
  asked_ = stage_.history->Now();
  Send(what, call, next);
}

void Tenant::Send(const std::string& what, const std::function<void(Node*, Answer)>& call,
                  const Answer& next) {
  const uint64_t round = ++round_;
  const auto again = [this, what, call, next] {
    was_asked_again_ = true;
    Send(what, call, next);
  };
  const auto on_answer = [this, round, next, again](const Status& status) {
    if (round != round_) return;
    ++round_;
    if (!IsInTrouble(status)) return next(status);
    stage_.executor->PostAfter(200, again);
  };
  stage_.network->Send(
      stage_.scheduler->Note([&] { return "tenant: " + what; }),
      [this, call, on_answer](Node* node) {
        call(node, [this, on_answer](const Status& status) {
          stage_.network->Deliver(
              stage_.scheduler->Note([&] { return "tenant is answered: " + TextOf(status); }),
              [on_answer, status] { on_answer(status); }, Network::Care::kInOrder);
        });
      },
      Network::Care::kInOrder);
  stage_.executor->PostAfter(kAnswerTimeoutMs, [this, round, again] {
    if (round == round_) again();
  });
}

void Tenant::Configure(bool paused, void (Tenant::*next)()) {
  QueuePolicy policy;
  policy.paused = paused;
  policy.cancel_grace_ms = 1'000;
  policy.lease_ms = static_cast<int64_t>(1'000 << stage_.scheduler->random.Below(6));
  policy.retention.completed_tasks = 0;
  policy.retention.dead_ms = 1;
  Ask(
      stage_.scheduler->Note(
          [&] { return std::string("configure his queue") + (paused ? ", paused" : ""); }),
      [policy](Node* node, const Answer& answer) {
        node->Do(SetQueuePolicy{kTenantQueue, QueuePolicyPatch::To(policy)},
                 [answer](const Result<QueueView>& view) { answer(view.status()); });
      },
      [this, next](const Status& status) {
        if (!status.ok())
          stage_.history->Violation("the tenant cannot create the queue: " + status.ToString());
        (this->*next)();
      });
}

void Tenant::Enqueue(size_t tasks, void (Tenant::*next)()) {
  std::vector<NewTask> batch;
  for (size_t i = 0; i < tasks; ++i) batch.push_back(TaskOf("tenant-" + std::to_string(++keys_)));
  const auto reply = std::make_shared<EnqueueReply>();
  Ask(
      stage_.scheduler->Note([&] { return TextOf(batch); }),
      [this, batch, reply](Node* node, const Answer& answer) {
        node->Do(*EnqueueCommand::Make(batch),
                 [this, reply, answer](const Result<EnqueueReply>& result) {
                   if (result.ok()) *reply = *result;
                   stage_.scheduler->Tell([&] { return "tenant's tasks: " + TextOf(result); });
                   answer(result.status());
                 });
      },
      [this, batch, reply, next](const Status& status) {
        if (!status.ok())
          stage_.history->Violation("the tenant's tasks were refused: " + status.ToString());
        for (size_t i = 0; status.ok() && i < batch.size(); ++i) {
          stage_.history->Accepted(batch[i], reply->tasks[i], asked_);
          tasks_.push_back(reply->tasks[i].id);
        }
        (this->*next)();
      });
}

// Paused, so that its tasks stay.
void Tenant::Make() {
  is_idle_ = false;
  Configure(true, &Tenant::Fill);
}

// The tenant ignores tasks that were there before: they may have been leased before the pause and
// have ended since.
void Tenant::Fill() {
  tasks_.clear();
  Enqueue(1 + stage_.scheduler->random.Below(5), &Tenant::DeleteTooEarly);
}

bool Tenant::IsUntouched() const {
  return std::ranges::any_of(tasks_, [&](TaskId id) { return stage_.history->IsUntouched(id); });
}

void Tenant::DeleteTooEarly() {
  Ask(
      "delete his queue, which is full",
      [](Node* node, const Answer& answer) {
        node->Do(DeleteQueue{kTenantQueue},
                 [answer](const Result<QueueView>& view) { answer(view.status()); });
      },
      [this](const Status& status) {
        if (status.code() != Code::kFailedPrecondition && IsUntouched())
          stage_.history->Violation("a queue with tasks was deleted: " + status.ToString());
        Later(&Tenant::Open);
      });
}

void Tenant::Open() { Configure(false, &Tenant::Delete); }

void Tenant::Delete() {
  Ask(
      "delete his queue",
      [](Node* node, const Answer& answer) {
        node->Do(DeleteQueue{kTenantQueue},
                 [answer](const Result<QueueView>& view) { answer(view.status()); });
      },
      [this](const Status& status) {
        if (status.code() == Code::kFailedPrecondition) return Later(&Tenant::Delete);
        if (status.code() == Code::kNotFound && !was_asked_again_)
          stage_.history->Violation("a queue that nobody deleted is gone");
        stage_.history->QueueDeleted(kTenantQueue, asked_);
        tasks_.clear();
        LookThatItIsGone();
      });
}

void Tenant::LookThatItIsGone() {
  Ask(
      "look whether it is gone",
      [](Node* node, const Answer& answer) {
        node->Do(GetQueue{kTenantQueue},
                 [answer](const Result<QueueView>& view) { answer(view.status()); });
      },
      [this](const Status& status) {
        if (status.code() != Code::kNotFound)
          stage_.history->Violation("a deleted queue still exists: " + status.ToString());
        is_idle_ = true;
        if (peace_) return;
        const uint64_t draw = stage_.scheduler->random.Below(3);
        Later(draw == 0   ? &Tenant::LookThatItIsGone
              : draw == 1 ? &Tenant::LetATaskMakeIt
                          : &Tenant::Make);
      });
}

void Tenant::LetATaskMakeIt() {
  is_idle_ = false;
  Enqueue(1, &Tenant::LookAtItsPolicy);
}

void Tenant::LookAtItsPolicy() {
  const auto policy = std::make_shared<QueuePolicy>();
  Ask(
      "look at its policy",
      [policy](Node* node, const Answer& answer) {
        node->Do(GetQueue{kTenantQueue}, [policy, answer](const Result<QueueView>& view) {
          if (view.ok()) *policy = view->policy;
          answer(view.status());
        });
      },
      [this, policy](const Status& status) {
        if (!status.ok())
          stage_.history->Violation("a task did not create its queue: " + status.ToString());
        if (*policy != QueuePolicy{})
          stage_.history->Violation("a deleted queue came back with its old policy");
        Make();
      });
}

}  // namespace treadle::sim
