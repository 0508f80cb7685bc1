#include "engine/slab.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace treadle {
namespace {

struct Entry {
  uint64_t key = 0;
  uint64_t value = 0;
  uint32_t hash_next = kNoSlot;

  uint64_t hash() const { return HashOf(key); }
  bool Matches(uint64_t k) const { return key == k; }
  // Few distinct hashes, so that chains are long and splits have work to do.
  static uint64_t HashOf(uint64_t k) { return Mix64(k % 1'000); }
};

TEST(SlabTable, BehavesLikeAMapForRandomInsertsAndErasures) {
  SlabTable<Entry> table;
  std::map<uint64_t, uint64_t> expected;
  SeededRandom random(1);
  for (int i = 0; i < 60'000; ++i) {
    const uint64_t key = random.Below(5'000);
    const uint32_t slot = table.Find(Entry::HashOf(key), key);
    ASSERT_EQ(slot != kNoSlot, expected.contains(key));
    if (slot == kNoSlot) {
      table.Insert({.key = key, .value = random.Next()});
      expected[key] = table[table.Find(Entry::HashOf(key), key)].value;
    } else if (random.OneIn(2)) {
      ASSERT_EQ(table[slot].value, expected[key]);
      table.Erase(slot);
      expected.erase(key);
    }
    ASSERT_EQ(table.size(), expected.size());
  }
}

TEST(SlabTable, RecordsDoNotMoveWhileTheTableGrows) {
  SlabTable<Entry> table;
  const uint32_t first = table.Insert({.key = 1, .value = 11});
  const Entry* where = &table[first];
  for (uint64_t key = 2; key < 20'000; ++key) table.Insert({.key = key, .value = key});
  EXPECT_EQ(&table[first], where);
  EXPECT_EQ(where->value, 11U);
}

TEST(SlabTable, ErasedSlotsAreUsedAgain) {
  SlabTable<Entry> table;
  for (uint64_t key = 0; key < 100; ++key) table.Insert({.key = key});
  for (uint64_t key = 0; key < 100; ++key) table.Erase(table.Find(Entry::HashOf(key), key));
  for (uint64_t key = 100; key < 200; ++key) table.Insert({.key = key});
  EXPECT_EQ(table.slots(), 100U);
}

}  // namespace
}  // namespace treadle
