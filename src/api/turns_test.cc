#include "api/turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace treadle::api {
namespace {

using ::testing::ElementsAre;

TEST(Turns, WorkBeyondTheLimitWaitsInLineUntilATurnEnds) {
  Turns turns(2);
  std::vector<int> begun;
  std::vector<Turns::Turn> held;
  for (int i = 0; i < 4; ++i) {
    turns.Take([&, i](Turns::Turn turn) {
      begun.push_back(i);
      held.push_back(std::move(turn));
    });
  }
  EXPECT_THAT(begun, ElementsAre(0, 1));
  Turns::Turn first = std::move(held[0]);
  first = nullptr;
  EXPECT_THAT(begun, ElementsAre(0, 1, 2));
  Turns::Turn second = std::move(held[1]);
  second = nullptr;
  EXPECT_THAT(begun, ElementsAre(0, 1, 2, 3));
}

TEST(Turns, WorkThatKeepsNothingLetsTheNextBegin) {
  Turns turns(1);
  int begun = 0;
  for (int i = 0; i < 3; ++i) turns.Take([&](const Turns::Turn&) { ++begun; });
  EXPECT_EQ(begun, 3);
}

TEST(Turns, TurnsMayEndAfterTheirLine) {
  Turns::Turn kept;
  {
    Turns turns(1);
    turns.Take([&](Turns::Turn turn) { kept = std::move(turn); });
  }
  kept = nullptr;
}

}  // namespace
}  // namespace treadle::api
