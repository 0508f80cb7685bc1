// Histogram: latencies in fixed memory, for percentiles that are right to within 1.6 %.
//
// Buckets are linear below 64 µs and then 64 to each doubling, as in HdrHistogram (Tene, 2012).
// One thread at a time; Merge() those of several.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace treadle::loadgen {

class Histogram {
 public:
  /// In microseconds; below 0 counts as 0, beyond about 12 days as that.
  void Add(int64_t us);
  void Merge(const Histogram& other);

  uint64_t count() const { return count_; }
  int64_t max_us() const { return max_us_; }
  /// The least value that `percent` (0..100) of all do not exceed, in microseconds; 0 if there are
  /// none.
  int64_t PercentileUs(double percent) const;

 private:
  static constexpr int kSubBits = 6;
  static constexpr int kDoublings = 35;

  static size_t BucketOf(uint64_t us);
  static uint64_t UpperEndOf(size_t bucket);

  std::array<uint64_t, (size_t{kDoublings} << kSubBits)> buckets_{};
  uint64_t count_ = 0;
  int64_t max_us_ = 0;
};

}  // namespace treadle::loadgen
