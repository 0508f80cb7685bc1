#include "sim/deployer.h"

#include <functional>
#include <utility>

#include "engine/commands/types.h"
#include "sim/trace_text.h"

namespace treadle::sim {
namespace {

constexpr uint64_t kPauseMs = 1'500;

}  // namespace

std::string Deployer::TextOf(const Change& change) {
  if (change.version == 0)
    return "deployer: retry with " + std::to_string(change.max_attempts) + " attempts";
  return std::string(change.removes ? "deployer: remove" : "deployer: put") + " contract " +
         std::to_string(change.version);
}

void Deployer::Later() {
  stage_.executor->PostAfter(static_cast<int64_t>(stage_.scheduler->random.Below(kPauseMs)),
                             [this] {
                               if (!peace_) Act();
                             });
}

void Deployer::Act() {
  SeededRandom& random = stage_.scheduler->random;
  TypeHistory& types = stage_.history->types();
  Agreement next = types.newest();
  Change change;
  if (random.OneIn(3)) {
    change.max_attempts = static_cast<uint16_t>(2 + random.Below(10));
    next.max_attempts = change.max_attempts;
  } else {
    change.version = static_cast<uint32_t>(1 + random.Below(kContractVersions));
    change.removes = next.contracts.erase(change.version) > 0 && random.OneIn(2);
    if (!change.removes) next.contracts.insert(change.version);
  }
  types.Asked(next, stage_.scheduler->MonotonicMs());
  is_waiting_ = true;
  Send(change);
}

void Deployer::Send(const Change& change) {
  const uint64_t round = ++round_;
  stage_.scheduler->Fold("deploy", change.version, change.removes);
  stage_.network->Send(
      stage_.scheduler->Note([&] { return TextOf(change); }),
      [this, round, change](Node* node) {
        const auto done = [this, round, change](const Result<TypeView>& view) {
          stage_.network->Deliver(
              stage_.scheduler->Note(
                  [&] { return "deployer is answered: " + treadle::sim::TextOf(view); }),
              [this, round, change, status = view.status()] {
                if (round == round_) OnReply(change, status);
              },
              Network::Care::kInOrder);
        };
        Border* const border = stage_.network->border();
        if (change.removes) return border->DeleteContract(kAgreedType, change.version, done);
        if (change.version != 0)
          return border->PutContract(kAgreedType, ContractOf(change.version), done);
        node->Do(SetTypePolicy{kAgreedType,
                               TypePolicyPatch().Set("retry.max_attempts", change.max_attempts)},
                 done);
      },
      Network::Care::kInOrder);
  stage_.executor->PostAfter(kAnswerTimeoutMs, [this, round, change] {
    if (round == round_) Send(change);
  });
}

// If the contract is not found, this same request removed it earlier and the answer was lost.
void Deployer::OnReply(const Change& change, const Status& status) {
  ++round_;
  const bool is_done = status.ok() || (change.removes && status.code() == Code::kNotFound);
  if (!is_done) {
    stage_.executor->PostAfter(200, [this, change] { Send(change); });
    return;
  }
  stage_.history->types().Answered(stage_.scheduler->MonotonicMs());
  is_waiting_ = false;
  Later();
}

}  // namespace treadle::sim
