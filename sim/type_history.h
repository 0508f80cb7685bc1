// TypeHistory: what was agreed on the task type "order" and when, and whether the server treated
// its tasks accordingly. The part of History about contracts and policies of types.
//
// A payload or a result names the versions of the contract that it fits: {"fits":[1,3], …}.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/commands.h"
#include "sim/timeline.h"

namespace treadle::sim {

/// The type with contracts.
inline constexpr const char* kAgreedType = "order";
inline constexpr uint32_t kContractVersions = 4;
/// An error code that is final in every version of the contract.
inline constexpr const char* kHopelessCode = "hopeless";

/// The contract with that version. One version has no schema for results.
std::shared_ptr<const TypeContract> ContractOf(uint32_t version);
/// JSON that fits these versions.
std::string FittingJson(const std::set<uint32_t>& versions, const std::string& text);

/// What can be agreed on a type.
struct Agreement {
  std::set<uint32_t> contracts;
  std::optional<uint16_t> max_attempts;  // from its retry policy; nothing: it has none

  bool operator==(const Agreement&) const = default;
};

class TypeHistory {
 public:
  /// Calls `violation` with what is wrong.
  explicit TypeHistory(std::function<void(const std::string&)> violation)
      : violation_(std::move(violation)) {}

  /// Someone requests a change; the change was done. Both take world time.
  void Asked(const Agreement& agreement, int64_t now_ms) { agreed_.Asked(agreement, now_ms); }
  void Answered(int64_t now_ms) { agreed_.Answered(now_ms); }
  const Agreement& newest() const { return agreed_.newest(); }

  /// The time from a request to its answer.
  struct Span {
    int64_t asked_ms;
    int64_t answered_ms;
  };
  void Accepted(const NewTask& task, TaskId id, const Span& span);
  /// The whole batch was rejected because one of its tasks fits no contract.
  void Refused(const std::vector<NewTask>& batch, const Span& span);
  void Leased(const treadle::Leased& lease, const Span& span);
  void Reported(const Report& report, const Status& status, const Span& span);
  void Edited(TaskId id, const TaskBody& payload, const Span& span);
  /// Someone requests a redrive. It may happen much later, so no attempt of the task is final from
  /// now on.
  void MayBeRedriven(TaskId id) { tasks_[id].may_be_redriven = true; }
  void SeenType(const Result<TypeView>& view, const Span& span);

 private:
  struct Known {
    std::set<uint32_t> versions;      // versions it may have; empty: unknown
    std::set<uint16_t> max_attempts;  // limits it may have; empty: unknown
    std::optional<uint32_t> told;     // the version in its lease
    bool is_completed = false;        // acknowledged
    bool may_be_redriven = false;
    struct Final {
      uint32_t attempt;
      int64_t told_ms;
    };
    std::optional<Final> final;                     // an attempt that must be the last
    std::map<uint32_t, int64_t> first_reported_ms;  // by attempt: when its end was first sent
  };

  static Span SinceFirst(Known* task, uint32_t attempt, const Span& span);
  void CheckVersion(TaskId id, const Known& task);

  std::function<void(const std::string&)> violation_;
  Timeline<Agreement> agreed_{Agreement{}};
  std::map<TaskId, Known> tasks_;
};

}  // namespace treadle::sim
