#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "treadle/json.h"

namespace treadle {
namespace {

struct Size {
  int32_t width = 0;
  uint8_t depth = 0;
  double ratio = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Size, width, depth, ratio)

struct Album {
  std::vector<Size> sizes;
  std::map<std::string, int64_t> counts;
  nlohmann::json more;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Album, sizes, counts, more)

template <class T>
std::string WhyNot(std::string_view text) {
  const Result<T> value = FromJson<T>(text);
  if (value.ok()) return "it was taken as " + ToJson(*value);
  EXPECT_EQ(value.status().code(), Code::kInvalidArgument);
  return value.status().message();
}

TEST(WholeNumbers, AreTakenHoweverTheyAreWritten) {
  EXPECT_EQ(*FromJson<int>("4.0"), 4);
  EXPECT_EQ(*FromJson<int>("1.5e2"), 150);
  EXPECT_EQ(*FromJson<int>("-7.00"), -7);
  EXPECT_EQ(*FromJson<int64_t>("3e9"), 3'000'000'000);
  EXPECT_EQ(*FromJson<int64_t>("-9007199254740992.0"), -9'007'199'254'740'992);
  EXPECT_EQ(*FromJson<uint64_t>("18446744073709551615"), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(*FromJson<int8_t>("-128"), -128);
  const auto size = FromJson<Size>(R"({"width":3e5,"depth":255.0,"ratio":-1.5e300})");
  ASSERT_TRUE(size.ok()) << size.status().ToString();
  EXPECT_EQ(size->width, 300'000);
  EXPECT_EQ(size->depth, 255);
  EXPECT_EQ(size->ratio, -1.5e300);
}

TEST(WholeNumbers, OthersAreRefusedWithTheirPlace) {
  EXPECT_EQ(WhyNot<int>("4.5"), "the value must be a whole number, not 4.5");
  EXPECT_EQ(WhyNot<unsigned>("-0.5"), "the value must be a whole number, not -0.5");
  EXPECT_EQ(WhyNot<Size>(R"({"width":4.5})"), "width must be a whole number, not 4.5");
  EXPECT_EQ(WhyNot<Size>(R"({"width":-1e300})"), "width must be a whole number, not -1e+300");
  EXPECT_EQ(WhyNot<Album>(R"({"sizes":[{},{"ratio":1.5},{"depth":0.25}]})"),
            "sizes[2].depth must be a whole number, not 0.25");
  EXPECT_EQ(WhyNot<Album>(R"({"counts":{"a":1,"b":-2000.5}})"),
            "counts.b must be a whole number, not -2000.5");
  EXPECT_EQ(WhyNot<std::set<int>>("[1.0,2.0,2000.5]"),
            "the value[2] must be a whole number, not 2000.5");
}

TEST(WholeNumbers, BeyondTheRangeAreRefusedWithTheirPlace) {
  EXPECT_EQ(WhyNot<int>("3e9"), "the value is out of range: 3000000000");
  EXPECT_EQ(WhyNot<int>("-2147483649"), "the value is out of range: -2147483649");
  EXPECT_EQ(WhyNot<int64_t>("9223372036854775808"),
            "the value is out of range: 9223372036854775808");
  EXPECT_EQ(WhyNot<int64_t>("18446744073709551615"),
            "the value is out of range: 18446744073709551615");
  EXPECT_EQ(WhyNot<uint64_t>("-1"), "the value is out of range: -1");
  EXPECT_EQ(WhyNot<int8_t>("128"), "the value is out of range: 128");
  EXPECT_EQ(WhyNot<Size>(R"({"depth":300})"), "depth is out of range: 300");
  EXPECT_EQ(WhyNot<Album>(R"({"sizes":[{"depth":1},{"depth":256.0}]})"),
            "sizes[1].depth is out of range: 256");
  EXPECT_EQ(WhyNot<std::vector<int16_t>>("[1,40000]"), "the value[1] is out of range: 40000");
}

TEST(WholeNumbers, ContainersWithAnOrderOfTheirOwnKeepWhatIsInRange) {
  EXPECT_EQ(*FromJson<std::set<int>>("[261,5,261]"), (std::set<int>{5, 261}));
  const std::map<int, int> numbers{{5, 1}, {261, 257}};
  EXPECT_EQ((*FromJson<std::map<int, int>>("[[261,257],[5,1]]")), numbers);
}

TEST(WholeNumbers, WhatIsNotForAnIntegerStaysAsItIs) {
  EXPECT_EQ(*FromJson<double>("4"), 4.0);
  EXPECT_EQ(*FromJson<double>("-1e300"), -1e300);
  EXPECT_EQ(ToJson(*FromJson<nlohmann::json>("[4.0,1e30,-7.5]")), "[4.0,1e+30,-7.5]");
  const auto album = FromJson<Album>(R"({"more":{"x":300.0,"y":[1e20]}})");
  ASSERT_TRUE(album.ok());
  EXPECT_TRUE(album->more["x"].is_number_float());
  EXPECT_EQ(album->more["y"][0], 1e20);
}

// A from_json that checks and changes what it gets.
struct Careful {
  double since = 0;  // seconds; more than 1,000
  int level = 0;     // at most 100
};
void to_json(nlohmann::json& j, const Careful& c) { j = {{"since", c.since}, {"level", c.level}}; }
void from_json(const nlohmann::json& j, Careful& c) {
  c.since = j.at("since").get<double>();
  if (c.since <= 1'000) throw std::invalid_argument("too old");
  c.level = std::min(j.at("level").get<int>(), 100);
}

TEST(WholeNumbers, AFromJsonOfItsOwnMayCheckAndChangeThem) {
  const auto careful = FromJson<Careful>(R"({"since":1.7e9,"level":300})");
  ASSERT_TRUE(careful.ok()) << careful.status().ToString();
  EXPECT_EQ(careful->since, 1.7e9);
  EXPECT_EQ(careful->level, 100);
}

}  // namespace
}  // namespace treadle
