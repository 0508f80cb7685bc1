#include "engine/terms_table.h"

#include "base/check.h"

#include <algorithm>
#include <limits>

namespace treadle {
namespace {

constexpr int64_t kEndsNever = std::numeric_limits<int64_t>::max();

int64_t EndMs(const TaskTerms& terms, TaskState state) {
  if (IsTerminal(state)) return kEndsNever;
  const int64_t deadline = terms.deadline_at ? terms.deadline.ms : kEndsNever;
  if (state == TaskState::kRunning || !terms.expires_at) return deadline;
  return std::min(deadline, terms.expires.ms);
}

}  // namespace

const std::shared_ptr<const TaskTerms>* TermsTable::Find(TaskId id) const {
  const uint32_t slot = SlotOf(id);
  return slot == kNoSlot ? nullptr : &entries_[slot].terms;
}

void TermsTable::Put(TaskId id, std::shared_ptr<const TaskTerms> terms) {
  TREADLE_CHECK(terms != nullptr);
  const uint32_t slot = SlotOf(id);
  if (slot == kNoSlot) {
    entries_.Insert(Entry{.id = id, .terms = std::move(terms)});
  } else {
    entries_[slot].terms = std::move(terms);
  }
}

void TermsTable::Erase(TaskId id) {
  const uint32_t slot = SlotOf(id);
  if (slot == kNoSlot) return;
  if (entries_[slot].timer != kNowhere) timers_.Remove(entries_[slot].timer);
  entries_.Erase(slot);
  TREADLE_CHECK(timers_.size() <= entries_.size());
}

void TermsTable::Watch(const TaskImage& image) {
  const uint32_t slot = SlotOf(image.id);
  if (slot == kNoSlot) return;
  Entry& entry = entries_[slot];
  if (entry.timer != kNowhere) timers_.Remove(entry.timer);
  const int64_t end = EndMs(*entry.terms, image.state);
  if (end != kEndsNever) timers_.Push(end, slot);
  TREADLE_CHECK(timers_.size() <= entries_.size());
}

OutOfTime IsOutOfTime(const TaskTerms& terms, TaskState state, ShardTime now) {
  if (terms.deadline_at && terms.deadline <= now) return OutOfTime::kDeadline;
  const bool waits = state != TaskState::kRunning && !IsTerminal(state);
  if (waits && terms.expires_at && terms.expires <= now) return OutOfTime::kExpired;
  return OutOfTime::kNo;
}

}  // namespace treadle
