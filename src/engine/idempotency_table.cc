#include "engine/idempotency_table.h"

#include <cstring>

#include "base/check.h"
#include "base/hash.h"

namespace treadle {

IdempotencyId IdempotencyIdOf(std::string_view queue, std::string_view key) {
  const Sha256 digest = Sha256OfParts({queue, key});
  IdempotencyId id;
  std::memcpy(id.data(), digest.bytes.data(), sizeof id);
  return id;
}

const KeyIsNow* IdempotencyTable::Find(const IdempotencyId& id) const {
  const uint32_t slot = entries_.Find(id[0], id);
  return slot == kNoSlot ? nullptr : &entries_[slot].key;
}

void IdempotencyTable::Put(const KeyIsNow& entry) {
  Erase(entry.id);
  const uint32_t slot = entries_.Insert(Entry{.key = entry});
  timers_.Push(entry.expires.ms, slot);
  TREADLE_CHECK(timers_.size() == entries_.size());  // each key ends some day
}

void IdempotencyTable::Erase(const IdempotencyId& id) {
  const uint32_t slot = entries_.Find(id[0], id);
  if (slot == kNoSlot) return;
  timers_.Remove(entries_[slot].timer);
  entries_.Erase(slot);
  TREADLE_CHECK(timers_.size() == entries_.size());
}

const KeyIsNow* IdempotencyTable::Earliest() const {
  return timers_.empty() ? nullptr : &entries_[timers_.top().item].key;
}

}  // namespace treadle
