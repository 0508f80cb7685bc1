// IdempotencyTable: which keys are taken, by which task, until when. Not thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/effects.h"
#include "engine/slab.h"
#include "engine/timer_heap.h"

namespace treadle {

/// The identity of a key in a queue: two keys share it only if SHA-256 collides in its first 128
/// bits.
IdempotencyId IdempotencyIdOf(std::string_view queue, std::string_view key);

class IdempotencyTable {
 public:
  IdempotencyTable() : timers_(SetPosition{this}) {}
  IdempotencyTable(const IdempotencyTable&) = delete;
  IdempotencyTable& operator=(const IdempotencyTable&) = delete;

  size_t size() const { return entries_.size(); }
  /// The entry of a key, or null; valid until the next change.
  const KeyIsNow* Find(const IdempotencyId& id) const;
  void Put(const KeyIsNow& entry);
  /// No effect if it is not there.
  void Erase(const IdempotencyId& id);
  /// The key whose window ends first, or null.
  const KeyIsNow* Earliest() const;

 private:
  struct Entry {
    KeyIsNow key;
    uint32_t hash_next = UINT32_MAX;
    uint32_t timer = kNowhere;

    uint64_t hash() const { return key.id[0]; }
    bool Matches(const IdempotencyId& id) const { return key.id == id; }
  };
  struct SetPosition {
    IdempotencyTable* table;
    void operator()(uint32_t slot, uint32_t position) { table->entries_[slot].timer = position; }
  };

  SlabTable<Entry> entries_;
  TimerHeap<uint32_t, SetPosition> timers_;
};

}  // namespace treadle
