#include "base/duration.h"

#include <gtest/gtest.h>

#include "base/duration_hint.h"

namespace treadle {
namespace {

TEST(Duration, DurationsAreReadWithTheirUnits) {
  EXPECT_EQ(ParseDuration("500ms"), 500);
  EXPECT_EQ(ParseDuration("30s"), 30'000);
  EXPECT_EQ(ParseDuration("2m"), 120'000);
  EXPECT_EQ(ParseDuration("1h30m"), 5'400'000);
  EXPECT_EQ(ParseDuration("7d"), 604'800'000);
}

TEST(Duration, InvalidDurationsAreRefused) {
  for (const char* text :
       {"", "s", "-1s", "5x", "1.5s", "1h30", " 1s", "99999999999999d", "99999999999999999999"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(Duration, ANumberWithoutAUnitIsRefusedWithAHint) {
  for (const char* text : {"0", "30", "250"}) EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  EXPECT_EQ(WhyNoDuration("30"), "\"30\" has no unit; did you mean 30s?");
  EXPECT_EQ(WhyNoDuration("5x"), "\"5x\" is not a duration; write for example 500ms, 30s or 2m");
}

}  // namespace
}  // namespace treadle
