#include "shard/departures.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

Departure Of(const std::string& worker, const std::string& type) {
  return {.worker = worker, .reason = "why", .queues = {"q", "r"}, .types = {type}};
}

TEST(Departures, TheLastWorkerForAQueueAndATypeIsFound) {
  Departures departures;
  departures.Add(Of("first", "t"));
  departures.Add(Of("second", "t"));
  departures.Add(Of("third", "u"));
  ASSERT_NE(departures.LastFor("r", "t"), nullptr);
  EXPECT_EQ(departures.LastFor("r", "t")->worker, "second");
  EXPECT_EQ(departures.LastFor("s", "t"), nullptr);
  EXPECT_EQ(departures.LastFor("q", "v"), nullptr);
}

TEST(Departures, OnlyTheNewestAreKept) {
  Departures departures;
  departures.Add(Of("old", "old"));
  for (size_t i = 0; i < Departures::kCountMax; ++i) departures.Add(Of("new", "new"));
  EXPECT_EQ(departures.LastFor("q", "old"), nullptr);
  EXPECT_NE(departures.LastFor("q", "new"), nullptr);
}

}  // namespace
}  // namespace treadle
