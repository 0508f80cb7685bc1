#include "shard/task_watchers.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

TEST(TaskWatchers, EveryWatcherOfATaskIsWokenOnce) {
  TaskWatchers watchers;
  int woken = 0;
  const TaskId task = TaskId::Of(1, 5);
  watchers.Watch(task, 1, [&] { ++woken; });
  watchers.Watch(task, 2, [&] { ++woken; });
  watchers.Watch(TaskId::Of(1, 6), 3, [&] { woken += 100; });
  EXPECT_TRUE(watchers.Take(task, 2));
  for (const auto& wake : watchers.TakeAllOf(task)) wake();
  EXPECT_EQ(woken, 1);
  EXPECT_FALSE(watchers.Take(task, 1));
  EXPECT_EQ(watchers.TakeAll().size(), 1U);
}

}  // namespace
}  // namespace treadle
