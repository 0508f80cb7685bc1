#include "loadgen/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace treadle::loadgen {
namespace {

constexpr double kRounding = 1e-6;  // 99.9 % of 20,000 are 19,980, and not one more

}  // namespace

// Below 2^kSubBits a bucket a value. Above, the leading bit chooses the doubling, and the kSubBits
// bits behind it the bucket in it.
size_t Histogram::BucketOf(uint64_t us) {
  constexpr uint64_t kLinear = uint64_t{1} << kSubBits;
  if (us < kLinear) return us;
  const auto shift = static_cast<int>(std::bit_width(us)) - 1 - kSubBits;
  return (static_cast<size_t>(shift + 1) << kSubBits) + ((us >> shift) - kLinear);
}

uint64_t Histogram::UpperEndOf(size_t bucket) {
  constexpr uint64_t kLinear = uint64_t{1} << kSubBits;
  if (bucket < kLinear) return bucket;
  const auto shift = static_cast<int>(bucket >> kSubBits) - 1;
  const uint64_t lower = (kLinear + (bucket & (kLinear - 1))) << shift;
  return lower + (uint64_t{1} << shift) - 1;
}

void Histogram::Add(int64_t us) {
  const auto value = static_cast<uint64_t>(std::max<int64_t>(us, 0));
  ++buckets_[std::min(BucketOf(value), buckets_.size() - 1)];
  ++count_;
  max_us_ = std::max(max_us_, us);
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_us_ = std::max(max_us_, other.max_us_);
}

int64_t Histogram::PercentileUs(double percent) const {
  if (count_ == 0) return 0;
  const auto wanted = std::max<uint64_t>(
      1, static_cast<uint64_t>(std::ceil(percent / 100 * static_cast<double>(count_) - kRounding)));
  uint64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= wanted) return std::min(static_cast<int64_t>(UpperEndOf(i)), max_us_);
  }
  return max_us_;
}

}  // namespace treadle::loadgen
