#include "base/units.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

TEST(UnitsTest, SizesArePowersOf1024) {
  EXPECT_EQ(ParseSize("4096B"), 4096U);
  EXPECT_EQ(ParseSize("64K"), 65'536U);
  EXPECT_EQ(ParseSize("64MiB"), 67'108'864U);
  EXPECT_EQ(ParseSize("64MB"), std::nullopt);
  EXPECT_EQ(ParseSize("4096"), std::nullopt) << "a size needs its unit";
  EXPECT_EQ(ParseSize("0"), 0U);
  EXPECT_EQ(ParseSize(""), std::nullopt);
}

TEST(UnitsTest, AddressesHaveAHostAndAPort) {
  EXPECT_EQ(ParseAddress("0.0.0.0:80"), (Address{"0.0.0.0", 80}));
  EXPECT_EQ(ParseAddress(":7373"), (Address{"127.0.0.1", 7373}));
  EXPECT_EQ(ParseAddress("[::1]:1"), (Address{"::1", 1}));
  EXPECT_EQ(ParseAddress("[::1]:1")->ToString(), "[::1]:1");
  for (const char* text : {"", "localhost", "a:", "a:70000", "a:-1", "::1:80", "[a]:80", "a:80x"}) {
    EXPECT_EQ(ParseAddress(text), std::nullopt) << text;
  }
}

TEST(UnitsTest, TimesAreReadAsTheyAreWritten) {
  for (const int64_t ms : {int64_t{0}, int64_t{951'782'400'123}, int64_t{1'795'468'381'250}}) {
    EXPECT_EQ(ParseWallTime(FormatWallTime({ms})), WallTime{ms});
  }
  EXPECT_EQ(ParseWallTime("2026-11-23 20:53:01.250Z"), std::nullopt);
  EXPECT_EQ(ParseWallTime(""), std::nullopt);
  for (const char* none : {"2026-11-23T20:53:81.250Z", "2026-11-23T24:00:00.000Z",
                           "2026-02-30T00:00:00.000Z", "2026-13-01T00:00:00.000Z"})
    EXPECT_EQ(ParseWallTime(none), std::nullopt) << none;
}

TEST(UnitsTest, WordsForPeople) {
  EXPECT_EQ(DurationInWords(350), "350 ms");
  EXPECT_EQ(DurationInWords(12'000), "12 s");
  EXPECT_EQ(DurationInWords(783'500), "13 min 3 s");
  EXPECT_EQ(DurationInWords(7'200'000), "2 h");
  EXPECT_EQ(DurationInWords(7'205'000), "2 h");
  EXPECT_EQ(DurationInWords(2'592'000'000), "30 d");
  EXPECT_EQ(SizeInWords(512), "512 B");
  EXPECT_EQ(SizeInWords(1'572'864), "1.5 MiB");
  EXPECT_EQ(WithCommas(0), "0");
  EXPECT_EQ(WithCommas(1'234'567), "1,234,567");
  EXPECT_EQ(WithCommas(-123), "-123");
  EXPECT_EQ(Counted(1, "file"), "1 file");
  EXPECT_EQ(Counted(2'000, "file"), "2,000 files");
}

TEST(Units, ExactTextsAreReadBackToTheSameNumber) {
  EXPECT_EQ(ExactDuration(90'000), "90s");
  EXPECT_EQ(ExactSize(uint64_t{64} << 20), "64MiB");
  for (const uint64_t number : {0ULL, 1ULL, 999ULL, 1024ULL, 1536ULL, 60'000ULL, 86'400'000ULL,
                                86'400'001ULL, 1ULL << 40}) {
    EXPECT_EQ(ParseSize(ExactSize(number)), number);
    EXPECT_EQ(ParseDuration(ExactDuration(number)), static_cast<int64_t>(number));
  }
}

}  // namespace
}  // namespace treadle
