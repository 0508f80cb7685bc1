// State: the names of queues and task types, and which numbers they have.

#include "base/check.h"
#include "engine/state.h"

namespace treadle {

// While a checkpoint that was cut short is made good, two numbers may have one name: then the name
// leads to the one that got it last.
void State::SetName(const std::string& name, uint32_t id, std::string* now, Names* names) {
  if (*now != name) {
    const auto old = names->find(*now);
    if (old != names->end() && old->second == id) names->erase(old);
    *now = name;
  }
  (*names)[name] = id;
}

void State::NoteDeletion(bool was, bool is, uint32_t id, uint64_t* deleted_in,
                         DeletedNames* all) const {
  if (was) TREADLE_CHECK(all->erase({*deleted_in, id}) == 1);
  if (!is) return;
  *deleted_in = frame_;
  all->insert({frame_, id});
}

// Its ordinals continue, because they distinguish old tasks from new ones.
void State::TakeOver(Queue* queue) {
  queue->counters.accepted = 0;
  queue->counters.removed = {};
  for (auto* const lanes : {&queue->lanes, &queue->apart})
    std::erase_if(*lanes, [](const auto& entry) {
      return entry.second->empty() && !entry.second->signalled;
    });
}

uint32_t State::NumberFor(size_t given, const DeletedNames& deleted, size_t max) const {
  if (given < max) return static_cast<uint32_t>(given + 1);
  if (deleted.empty() || deleted.begin()->first > stored_frame_) return 0;
  return deleted.begin()->second;
}

bool State::HasNumbers(size_t wanted, size_t given, const DeletedNames& deleted, size_t max) const {
  size_t found = max - std::min(given, max);
  for (auto each = deleted.begin();
       found < wanted && each != deleted.end() && each->first <= stored_frame_; ++each)
    ++found;
  return found >= wanted;
}

}  // namespace treadle
