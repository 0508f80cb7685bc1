#include "model/trail.h"

#include <utility>

namespace treadle {

namespace {

constexpr size_t kStepOverhead = 64;  // about what a step takes besides, in memory and on the wire

size_t SizeOf(const SavedBytes& saved) { return saved.bytes.size() + saved.content_type.size(); }

size_t SizeOf(const std::string& name, const SavedBytes& result) {
  return kStepOverhead + name.size() + SizeOf(result);
}

}  // namespace

std::string_view AttemptOutcomeName(AttemptOutcome outcome) {
  switch (outcome) {
    case AttemptOutcome::kFailed:
      return "failed";
    case AttemptOutcome::kLost:
      return "lost";
    case AttemptOutcome::kTimedOut:
      return "timed_out";
    case AttemptOutcome::kReleased:
      return "released";
    case AttemptOutcome::kSnoozed:
      return "snoozed";
    case AttemptOutcome::kDiscarded:
      return "discarded";
    case AttemptOutcome::kCancelled:
      return "cancelled";
  }
  return "";
}

std::optional<AttemptOutcome> AttemptOutcomeFromName(std::string_view name) {
  for (uint8_t i = 1; i <= static_cast<uint8_t>(AttemptOutcome::kCancelled); ++i)
    if (AttemptOutcomeName(static_cast<AttemptOutcome>(i)) == name)
      return static_cast<AttemptOutcome>(i);
  return std::nullopt;
}

bool AttemptRecord::operator==(const AttemptRecord& other) const {
  const bool same_error = error == other.error ||
                          (error != nullptr && other.error != nullptr && *error == *other.error);
  return same_error && attempt == other.attempt && outcome == other.outcome &&
         worker == other.worker && build == other.build && started_at == other.started_at &&
         ended_at == other.ended_at && wait_ms == other.wait_ms;
}

size_t TaskSaved::bytes() const { return SizeOver(*this, nullptr).bytes; }

SavedSize SizeOver(const TaskSaved& newer, const TaskSaved* older) {
  SavedSize size{.steps = newer.steps.size()};
  for (const auto& [name, result] : newer.steps) size.bytes += SizeOf(name, result);
  if (newer.checkpoint) size.bytes += SizeOf(*newer.checkpoint);
  if (older == nullptr) return size;
  for (const auto& [name, result] : older->steps) {
    if (newer.steps.contains(name)) continue;
    ++size.steps;
    size.bytes += SizeOf(name, result);
  }
  if (older->checkpoint && !newer.checkpoint) size.bytes += SizeOf(*older->checkpoint);
  return size;
}

std::shared_ptr<const TaskSaved> Over(std::shared_ptr<const TaskSaved> newer,
                                      std::shared_ptr<const TaskSaved> older) {
  if (older == nullptr || older->empty()) return newer;
  if (newer == nullptr || newer->empty()) return older;
  auto both = std::make_shared<TaskSaved>(*newer);
  both->steps.insert(older->steps.begin(), older->steps.end());
  if (!both->checkpoint) both->checkpoint = older->checkpoint;
  return both;
}

}  // namespace treadle
