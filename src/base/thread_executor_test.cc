#include "base/thread_executor.h"

#include <gtest/gtest.h>
#include <time.h>

#include <atomic>
#include <functional>
#include <future>
#include <numeric>
#include <thread>
#include <vector>

namespace treadle {
namespace {

TEST(ThreadExecutor, WorkRunsInTheOrderInWhichItWasPosted) {
  ThreadExecutor executor("test");
  std::vector<int> order;
  for (int i = 0; i < 1'000; ++i) executor.Post([&order, i] { order.push_back(i); });
  executor.Stop();
  ASSERT_EQ(order.size(), 1'000U);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(ThreadExecutor, AnExecutorOfShortTurnsWorksTheSame) {
  ThreadExecutor executor("test", ThreadExecutor::Turns::kShort);
  for (int i = 0; i < 100; ++i) {  // it sleeps in between
    std::promise<void> done;
    executor.Post([&] { done.set_value(); });
    done.get_future().wait();
  }
}

TEST(ThreadExecutor, WorkMayPostMoreWork) {
  ThreadExecutor executor("test");
  std::promise<void> done;
  executor.Post([&] { executor.Post([&] { done.set_value(); }); });
  done.get_future().wait();
}

TEST(ThreadExecutor, DelayedWorkRunsEarlierFirst) {
  ThreadExecutor executor("test");
  std::promise<std::vector<int>> done;
  std::vector<int> order;
  executor.PostAfter(20, [&] {
    order.push_back(2);
    done.set_value(order);
  });
  executor.PostAfter(1, [&] { order.push_back(1); });
  EXPECT_EQ(done.get_future().get(), (std::vector<int>{1, 2}));
}

TEST(ThreadExecutor, StopDropsDelayedAndLaterWork) {
  std::atomic<int> ran = 0;
  ThreadExecutor executor("test");
  executor.PostAfter(3'600'000, [&] { ++ran; });
  executor.Stop();
  executor.Post([&] { ++ran; });
  EXPECT_EQ(ran, 0);
}

TEST(ThreadExecutor, EveryPieceOfWorkIsATurn) {
  ThreadExecutor executor("test");
  for (int i = 0; i < 10; ++i) executor.Post([] {});
  executor.Stop();
  const TurnTimes times = executor.turn_times().clock;
  EXPECT_EQ(std::accumulate(times.counts().begin(), times.counts().end(), uint64_t{0}), 10U);
}

// Of this thread's processor time.
void WorkFor(int64_t ms) {
  const auto used_ns = [] {
    timespec used{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
  };
  for (const int64_t end_ns = used_ns() + ms * 1'000'000; used_ns() < end_ns;) continue;
}

TEST(ThreadExecutor, ATurnWithinATurnTakesNothingFromItsProcessorTime) {
  ThreadExecutor outer("outer");
  ThreadExecutor inner("inner");
  outer.PostOrRun([&] {
    WorkFor(20);
    inner.PostOrRun([] { WorkFor(5); });
  });
  EXPECT_GE(outer.turn_times().processor.longest_ns(), 24'000'000);
  EXPECT_GE(inner.turn_times().processor.longest_ns(), 4'000'000);
  EXPECT_LT(inner.turn_times().processor.longest_ns(), 20'000'000);
}

TEST(ThreadExecutor, AnExecutorThatHasNothingToDoIsHelped) {
  ThreadExecutor executor("test");
  std::vector<std::thread::id> by;
  executor.PostOrRun([&] {
    by.push_back(std::this_thread::get_id());
    executor.Post([&] { by.push_back(std::this_thread::get_id()); });
  });
  EXPECT_EQ(by, std::vector(2, std::this_thread::get_id())) << "and before the call returned";
}

TEST(ThreadExecutor, AHelperLeavesLaterWorkToTheExecutor) {
  ThreadExecutor executor("test");
  std::thread::id first;
  std::promise<std::thread::id> second;
  executor.PostOrRun(
      [&] {
        first = std::this_thread::get_id();
        executor.Post([&] { second.set_value(std::this_thread::get_id()); });
      },
      Executor::Help::kOnce);
  EXPECT_EQ(first, std::this_thread::get_id());
  EXPECT_NE(second.get_future().get(), first);
}

TEST(ThreadExecutor, AHelperIsNotKept) {
  ThreadExecutor executor("test");
  std::promise<void> end;
  int left = 100;
  std::function<void()> again = [&] {
    if (--left == 0) return end.set_value();
    executor.Post(again);
  };
  executor.PostOrRun(again);
  end.get_future().wait();  // by the executor's own thread, or this would never have been reached
  executor.Stop();
}

TEST(ThreadExecutor, WorkForABusyExecutorWaitsForItsTurn) {
  ThreadExecutor executor("test");
  std::promise<void> begun;
  std::promise<void> go_on;
  std::vector<int> order;
  executor.Post([&] {
    begun.set_value();
    go_on.get_future().wait();
    order.push_back(1);
  });
  begun.get_future().wait();
  executor.Post([&] { order.push_back(2); });
  executor.PostOrRun([&] { order.push_back(3); });
  go_on.set_value();
  executor.Stop();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(ThreadExecutor, DelayedWorkWaitsForAHelperAndIsNotForgotten) {
  ThreadExecutor executor("test");
  std::promise<void> done;
  std::atomic<bool> helps = false;
  executor.PostOrRun([&] {
    helps = true;
    executor.PostAfter(0, [&] {
      EXPECT_FALSE(helps);
      done.set_value();
    });
    std::this_thread::yield();
    helps = false;
  });
  done.get_future().wait();
}

TEST(ThreadExecutor, StopWaitsForAHelper) {
  ThreadExecutor executor("test");
  std::promise<void> begun;
  std::promise<void> go_on;
  std::atomic<bool> ended = false;
  std::thread helper([&] {
    executor.PostOrRun([&] {
      begun.set_value();
      go_on.get_future().wait();
      ended = true;
    });
  });
  begun.get_future().wait();
  std::thread stopper([&] {
    executor.Stop();
    EXPECT_TRUE(ended);
  });
  go_on.set_value();
  stopper.join();
  helper.join();
}

TEST(ThreadExecutor, ManyThreadsPostAtOnce) {
  ThreadExecutor executor("test");
  int sum = 0;  // only who runs the executor touches it
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) {
        executor.Post([&] { ++sum; });
        executor.PostOrRun([&] { ++sum; });
        if (i % 100 == 0) executor.PostAfter(0, [&] { ++sum; });
      }
    });
  for (std::thread& thread : threads) thread.join();
  std::promise<void> all;
  executor.PostAfter(1, [&] { all.set_value(); });  // behind those that are due
  all.get_future().wait();
  executor.Stop();
  EXPECT_EQ(sum, 8'040);
}

}  // namespace
}  // namespace treadle
