#include "engine/timer_heap.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "base/random.h"

namespace treadle {
namespace {

TEST(TimerHeap, TheEarliestIsAlwaysOnTopAlsoWhenItemsLeaveEarly) {
  std::vector<uint32_t> positions(500, kNowhere);
  std::vector<int64_t> when(500, 0);
  const auto note = [&](uint32_t item, uint32_t position) { positions[item] = position; };
  TimerHeap<uint32_t, decltype(note)> heap(note);
  std::multiset<int64_t> expected;
  SeededRandom random(7);
  for (int i = 0; i < 50'000; ++i) {
    const auto item = static_cast<uint32_t>(random.Below(positions.size()));
    if (positions[item] == kNowhere) {
      when[item] = static_cast<int64_t>(random.Below(1'000));
      heap.Push(when[item], item);
      expected.insert(when[item]);
    } else {
      heap.Remove(positions[item]);
      ASSERT_EQ(positions[item], kNowhere);
      expected.erase(expected.find(when[item]));
    }
    ASSERT_EQ(heap.size(), expected.size());
    if (!heap.empty()) {
      ASSERT_EQ(heap.top().when, *expected.begin());
    }
  }
}

TEST(TimerHeap, GrowingMovesNoItem) {
  const auto note = [](uint32_t, uint32_t) {};
  TimerHeap<uint32_t, decltype(note)> heap(note);
  heap.Push(0, 0);
  const auto* const first = &heap.top();
  for (uint32_t i = 1; i < 100'000; ++i) {
    heap.Push(i, i);
    ASSERT_EQ(&heap.top(), first) << "at " << i;
  }
}

}  // namespace
}  // namespace treadle
