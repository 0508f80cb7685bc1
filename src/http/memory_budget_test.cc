#include "http/memory_budget.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace treadle::http {
namespace {

constexpr size_t kBody = 100'000;

TEST(MemoryBudget, SharesGrowUntilNothingIsLeftAndGiveBackWithTheirEnd) {
  MemoryBudget budget(2 * kBody);
  MemoryBudget::Share first(&budget);
  EXPECT_TRUE(first.Resize(kBody));
  {
    MemoryBudget::Share second(&budget);
    EXPECT_TRUE(second.Resize(kBody));
    EXPECT_FALSE(second.Resize(kBody + 1));
    EXPECT_FALSE(first.Resize(kBody + 1));
    EXPECT_EQ(budget.bytes(), 2 * kBody);
  }
  EXPECT_TRUE(first.Resize(2 * kBody));
  EXPECT_TRUE(first.Resize(0));
  EXPECT_EQ(budget.bytes(), 0u);
}

TEST(MemoryBudget, SmallBodiesDoNotCount) {
  MemoryBudget budget(kBody);
  MemoryBudget::Share large(&budget);
  EXPECT_TRUE(large.Resize(kBody));
  MemoryBudget::Share small(&budget);
  EXPECT_TRUE(small.Resize(MemoryBudget::kSmallBytes));
  EXPECT_FALSE(small.Resize(MemoryBudget::kSmallBytes + 1));
  EXPECT_EQ(budget.bytes(), kBody);
}

TEST(MemoryBudget, MandatoryMemoryMayExceedTheBudgetAndKeepsOthersOut) {
  MemoryBudget budget(kBody);
  MemoryBudget::Share first(&budget);
  first.ResizeAnyway(3 * kBody);
  EXPECT_EQ(budget.bytes(), 3 * kBody);
  MemoryBudget::Share second(&budget);
  EXPECT_FALSE(second.Resize(kBody));
  first.ResizeAnyway(1);
  EXPECT_EQ(budget.bytes(), 0u);
  EXPECT_TRUE(second.Resize(kBody));
}

TEST(MemoryBudget, ThreadsThatCompeteLeaveNothingBehind) {
  MemoryBudget budget(3 * kBody);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&budget] {
      MemoryBudget::Share share(&budget);
      for (int i = 0; i < 10'000; ++i) {
        if (share.Resize(kBody)) share.Resize(0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(budget.bytes(), 0u);
}

}  // namespace
}  // namespace treadle::http
