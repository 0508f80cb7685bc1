#include "node/waiters.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

Waiters::Job Job(uint64_t ticket, const std::string& worker, std::vector<std::string> queues,
                 std::vector<std::string> types, uint32_t want = 1) {
  auto job = std::make_shared<ExchangeJob>();
  job->ticket = ticket;
  job->request.holder = {worker, 1};
  job->request.queues = std::move(queues);
  job->request.types = std::move(types);
  job->request.want = want;
  return job;
}

TEST(Waiters, WhoeverWaitsLongestForALaneIsServedFirst) {
  Waiters waiters;
  waiters.Park(Job(1, "a", {"q"}, {"x", "y"}));
  waiters.Park(Job(2, "b", {"q"}, {"y"}));
  EXPECT_EQ(waiters.TakeByLane("q", "y")->ticket, 1U);
  EXPECT_EQ(waiters.TakeByLane("q", "x"), nullptr) << "it stood in both lines and left both";
  EXPECT_EQ(waiters.TakeByLane("q", "y")->ticket, 2U);
  EXPECT_EQ(waiters.TakeByLane("q", "y"), nullptr);
  EXPECT_EQ(waiters.parked(), 0U);
}

TEST(Waiters, AFullWorkerIsFoundByItsNameAndNotByItsLanes) {
  Waiters waiters;
  waiters.Park(Job(1, "a", {"q"}, {"x"}, 0));
  EXPECT_EQ(waiters.TakeByLane("q", "x"), nullptr);
  EXPECT_EQ(waiters.TakeByHolder({"a", 2}), nullptr);
  EXPECT_EQ(waiters.TakeByHolder({"a", 1})->ticket, 1U);
  EXPECT_EQ(waiters.TakeByTicket(1), nullptr);
}

TEST(Waiters, ALaneThatIsNamedTwiceCountsOnce) {
  Waiters waiters;
  waiters.Park(Job(1, "a", {"q", "q"}, {"x"}));
  EXPECT_EQ(waiters.TakeByTicket(1)->ticket, 1U);
  EXPECT_EQ(waiters.TakeByLane("q", "x"), nullptr);
}

TEST(Waiters, TheNumberOfLanesIsLimitedAndLeavingFreesThem) {
  std::vector<std::string> names;
  for (int i = 0; i < 1'000; ++i) names.push_back("t" + std::to_string(i));
  Waiters waiters;
  uint64_t ticket = 1;
  while (waiters.Park(Job(ticket, "w" + std::to_string(ticket), {"q"}, names))) ++ticket;
  EXPECT_EQ(ticket, Waiters::kLanesMax / 1'000 + 1);
  EXPECT_TRUE(waiters.Park(Job(++ticket, "full", {"q"}, {"x"}, 0))) << "it waits in no line";
  EXPECT_NE(waiters.TakeByTicket(1), nullptr);
  EXPECT_TRUE(waiters.Park(Job(++ticket, "late", {"q"}, names)));
  waiters.TakeAll();
}

TEST(Waiters, EveryWatcherOfATaskIsWokenOnce) {
  Waiters waiters;
  int woken = 0;
  const TaskId task = TaskId::Of(1, 5);
  waiters.Watch(task, 1, [&] { ++woken; });
  waiters.Watch(task, 2, [&] { ++woken; });
  waiters.Watch(TaskId::Of(1, 6), 3, [&] { woken += 100; });
  EXPECT_TRUE(waiters.TakeWatcher(task, 2));
  for (const auto& wake : waiters.TakeWatchers(task)) wake();
  EXPECT_EQ(woken, 1);
  EXPECT_FALSE(waiters.TakeWatcher(task, 1));
  EXPECT_EQ(waiters.TakeAllWatchers().size(), 1U);
}

}  // namespace
}  // namespace treadle
