#include "api/text_in.h"

#include <gtest/gtest.h>

namespace treadle::api {
namespace {

TEST(TextIn, DurationsHaveUnits) {
  EXPECT_EQ(*ParseDuration("wait", "30s", 60'000), 30'000);
  EXPECT_EQ(*ParseDuration("wait", "500ms", 60'000), 500);
  EXPECT_EQ(*ParseDuration("wait", "1m", 60'000), 60'000);
  EXPECT_EQ(*ParseDuration("wait", "1h", 3'600'000), 3'600'000);
  EXPECT_EQ(*ParseDuration("wait", "250", 60'000), 250);
  for (const char* bad : {"", "s", "-1s", "1.5s", "61s", "2m", "1d", "30 s", "0x10", "1s ",
                          "9223372036854775807h", "99999999999999999999"}) {
    const auto duration = ParseDuration("wait", bad, 60'000);
    ASSERT_FALSE(duration.ok()) << bad;
    EXPECT_EQ(duration.status().message(),
              "wait must be a duration such as 30s, 500ms or 2m, at most 60s");
  }
}

TEST(TextIn, TimesAreRfc3339) {
  const auto ms = [](std::string_view text) {
    return ParseRfc3339(text).value_or(WallTime{-1}).ms;
  };
  EXPECT_EQ(ms("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ms("2026-11-23T20:53:01.250Z"), 1'795'467'181'250);
  EXPECT_EQ(ms("2026-11-23t22:53:01.25+02:00"), 1'795'467'181'250);
  EXPECT_EQ(ms("2026-11-23 18:23:01.2491-02:30"), 1'795'467'181'250);
  EXPECT_EQ(ms("2024-02-29T00:00:00Z"), 1'709'164'800'000);
  EXPECT_EQ(FormatWallTime({ms("9999-12-31T23:59:59.999Z")}), "9999-12-31T23:59:59.999Z");
  for (const char* bad :
       {"", "now", "2026-11-23", "2026-11-23T20:53Z", "2026-11-23T20:53:01", "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T20:60:01Z",
        "1969-12-31T23:59:59Z", "2026-11-23T20:53:01.Z", "2026-11-23T20:53:01Zx",
        "2026-11-23T20:53:01+2:00", "9999-12-31T23:59:59.9999Z", "2026-11-23T20:53:01+24:00",
        "20261123T205301Z"}) {
    EXPECT_EQ(ParseRfc3339(bad), std::nullopt) << bad;
  }
}

TEST(TextIn, DigestsAre64HexadecimalDigits) {
  const Sha256 digest = Sha256Of("x");
  EXPECT_EQ(ParseSha256(ToHex(digest.view())), digest);
  for (const std::string& bad :
       {std::string(), std::string(63, 'a'), std::string(66, 'a'), std::string(64, 'g')})
    EXPECT_EQ(ParseSha256(bad), std::nullopt);
}

TEST(TextIn, UnknownQueryParametersAreRefusedByName) {
  static constexpr std::string_view kKnown[] = {"queue", "type"};
  EXPECT_EQ(ReadQuery({.target = "/x?queue=a%20b"}, kKnown)->at("queue"), "a b");
  EXPECT_EQ(ReadQuery({.target = "/x?quue=a"}, kKnown).status().message(),
            "unknown query parameter \"quue\"; known ones are queue, type");
  EXPECT_EQ(ReadQuery({.target = "/x?a"}, {}).status().message(),
            "unknown query parameter \"a\"; this resource takes none");
}

}  // namespace
}  // namespace treadle::api
