#include "engine/pool.h"

#include <gtest/gtest.h>

#include <set>

namespace treadle {
namespace {

struct Pair {
  uint64_t key = 1;
  uint64_t value = 2;
};

TEST(Pool, RecordsAreFreshAndStayWhereTheyAreWhileItGrows) {
  Pool<Pair> pool;
  Pair* const first = pool.Take();
  first->value = 11;
  std::set<Pair*> all = {first};
  for (int i = 0; i < 10'000; ++i) {
    Pair* const pair = pool.Take();
    EXPECT_EQ(pair->key, 1U);
    EXPECT_EQ(pair->value, 2U);
    all.insert(pair);
  }
  EXPECT_EQ(all.size(), 10'001U) << "one was handed out twice";
  EXPECT_EQ(pool.size(), 10'001U);
  EXPECT_EQ(first->value, 11U);
}

TEST(Pool, ReturnedRecordsAreReusedAsNew) {
  Pool<Pair> pool;
  pool.Take();
  Pair* const pair = pool.Take();
  pair->value = 7;
  pool.Give(pair);
  EXPECT_EQ(pool.size(), 1U);
  EXPECT_EQ(pool.Take(), pair);
  EXPECT_EQ(pair->value, 2U);
}

}  // namespace
}  // namespace treadle
