#include "shard/parked_exchanges.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

ParkedExchanges::Job Job(uint64_t ticket, const std::string& worker,
                         std::vector<std::string> queues, std::vector<std::string> types,
                         uint32_t want = 1) {
  auto job = std::make_shared<ExchangeJob>();
  job->ticket = ticket;
  job->request.holder = {worker, 1};
  job->request.queues = std::move(queues);
  job->request.types = std::move(types);
  job->request.want = want;
  return job;
}

TEST(ParkedExchanges, WhoeverWaitsLongestForALaneIsServedFirst) {
  ParkedExchanges parked;
  parked.Park(Job(1, "a", {"q"}, {"x", "y"}));
  parked.Park(Job(2, "b", {"q"}, {"y"}));
  EXPECT_EQ(parked.TakeByLane("q", "y")->ticket, 1U);
  EXPECT_EQ(parked.TakeByLane("q", "x"), nullptr) << "it stood in both lines and left both";
  EXPECT_EQ(parked.TakeByLane("q", "y")->ticket, 2U);
  EXPECT_EQ(parked.TakeByLane("q", "y"), nullptr);
  EXPECT_EQ(parked.size(), 0U);
}

TEST(ParkedExchanges, AFullWorkerIsFoundByItsNameAndNotByItsLanes) {
  ParkedExchanges parked;
  parked.Park(Job(1, "a", {"q"}, {"x"}, 0));
  EXPECT_EQ(parked.TakeByLane("q", "x"), nullptr);
  EXPECT_EQ(parked.TakeByHolder({"a", 2}), nullptr);
  EXPECT_EQ(parked.TakeByHolder({"a", 1})->ticket, 1U);
  EXPECT_EQ(parked.TakeByTicket(1), nullptr);
}

TEST(ParkedExchanges, ALaneThatIsNamedTwiceCountsOnce) {
  ParkedExchanges parked;
  parked.Park(Job(1, "a", {"q", "q"}, {"x"}));
  EXPECT_EQ(parked.TakeByTicket(1)->ticket, 1U);
  EXPECT_EQ(parked.TakeByLane("q", "x"), nullptr);
}

TEST(ParkedExchanges, TheNumberOfLanesIsLimitedAndLeavingFreesThem) {
  std::vector<std::string> names;
  for (int i = 0; i < 1'000; ++i) names.push_back("t" + std::to_string(i));
  ParkedExchanges parked;
  uint64_t ticket = 1;
  while (parked.Park(Job(ticket, "w" + std::to_string(ticket), {"q"}, names))) ++ticket;
  EXPECT_EQ(ticket, ParkedExchanges::kLanesMax / 1'000 + 1);
  EXPECT_TRUE(parked.Park(Job(++ticket, "full", {"q"}, {"x"}, 0))) << "it waits in no line";
  EXPECT_NE(parked.TakeByTicket(1), nullptr);
  EXPECT_TRUE(parked.Park(Job(++ticket, "late", {"q"}, names)));
  parked.TakeAll();
}

}  // namespace
}  // namespace treadle
