#include "loadgen/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace treadle::loadgen {
namespace {

TEST(HistogramTest, PercentilesAreThoseOfTheSortedValuesToWithinABucket) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> latencies(6, 2);
  Histogram histogram;
  std::vector<int64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<int64_t>(latencies(random)));
    histogram.Add(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double percent : {1.0, 50.0, 95.0, 99.0, 99.9, 100.0}) {
    const auto rank = static_cast<size_t>(percent / 100 * 20'000);
    const auto exact = static_cast<double>(values[rank - 1]);
    const auto said = static_cast<double>(histogram.PercentileUs(percent));
    EXPECT_GE(said, exact) << percent;
    EXPECT_LE(said, exact * 1.016 + 1) << percent;
  }
}

TEST(HistogramTest, SmallValuesAreExactAndExtremesAreKept) {
  Histogram histogram;
  EXPECT_EQ(histogram.PercentileUs(50), 0);
  for (const int64_t us : {-5, 0, 63, 64, 65}) histogram.Add(us);
  EXPECT_EQ(histogram.PercentileUs(60), 63);
  EXPECT_EQ(histogram.PercentileUs(100), 65);
  histogram.Add(INT64_MAX);
  EXPECT_EQ(histogram.max_us(), INT64_MAX);
  EXPECT_GT(histogram.PercentileUs(100), int64_t{1} << 38);
}

TEST(HistogramTest, MergingIsAddingAll) {
  Histogram one;
  Histogram other;
  for (int i = 0; i < 100; ++i) (i < 30 ? one : other).Add(i);
  one.Merge(other);
  EXPECT_EQ(one.count(), 100U);
  EXPECT_EQ(one.PercentileUs(50), 49);
  EXPECT_EQ(one.max_us(), 99);
}

}  // namespace
}  // namespace treadle::loadgen
