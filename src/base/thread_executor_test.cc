#include "base/thread_executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <numeric>
#include <vector>

namespace treadle {
namespace {

TEST(ThreadExecutor, WorkRunsInTheOrderInWhichItWasPosted) {
  ThreadExecutor lane("test");
  std::vector<int> order;
  for (int i = 0; i < 1'000; ++i) lane.Post([&order, i] { order.push_back(i); });
  lane.Stop();
  ASSERT_EQ(order.size(), 1'000U);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(ThreadExecutor, ALaneOfShortTurnsWorksAlike) {
  ThreadExecutor lane("test", ThreadExecutor::Turns::kShort);
  for (int i = 0; i < 100; ++i) {  // it sleeps in between
    std::promise<void> done;
    lane.Post([&] { done.set_value(); });
    done.get_future().wait();
  }
}

TEST(ThreadExecutor, WorkMayPostMoreWork) {
  ThreadExecutor lane("test");
  std::promise<void> done;
  lane.Post([&] { lane.Post([&] { done.set_value(); }); });
  done.get_future().wait();
}

TEST(ThreadExecutor, DelayedWorkRunsEarlierFirst) {
  ThreadExecutor lane("test");
  std::promise<std::vector<int>> done;
  std::vector<int> order;
  lane.PostAfter(20, [&] {
    order.push_back(2);
    done.set_value(order);
  });
  lane.PostAfter(1, [&] { order.push_back(1); });
  EXPECT_EQ(done.get_future().get(), (std::vector<int>{1, 2}));
}

TEST(ThreadExecutor, StopForgetsWhatWasToRunLaterAndWhatComesAfter) {
  std::atomic<int> ran = 0;
  ThreadExecutor lane("test");
  lane.PostAfter(3'600'000, [&] { ++ran; });
  lane.Stop();
  lane.Post([&] { ++ran; });
  EXPECT_EQ(ran, 0);
}

TEST(ThreadExecutor, EveryPieceOfWorkIsATurn) {
  ThreadExecutor lane("test");
  for (int i = 0; i < 10; ++i) lane.Post([] {});
  lane.Stop();
  const TurnTimes times = lane.turn_times();
  EXPECT_EQ(std::accumulate(times.counts().begin(), times.counts().end(), uint64_t{0}), 10U);
}

TEST(ThreadExecutor, ManyThreadsPostAtOnce) {
  ThreadExecutor lane("test");
  int sum = 0;  // only the lane touches it
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) lane.Post([&] { ++sum; });
    });
  for (std::thread& thread : threads) thread.join();
  lane.Stop();
  EXPECT_EQ(sum, 4'000);
}

}  // namespace
}  // namespace treadle
