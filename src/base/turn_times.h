// TurnTimes: how long the turns of a lane took. A turn is one piece of work, from its begin to its
// end by the clock: so long did everything else on the lane wait. One thread at a time; others look
// at a copy.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace treadle {

class TurnTimes {
 public:
  /// The upper ends of the buckets; a last one has what is beyond.
  static constexpr std::array<int64_t, 11> kBoundsUs = {
      100, 1'000, 2'000, 5'000, 10'000, 20'000, 50'000, 100'000, 200'000, 500'000, 1'000'000};
  using Counts = std::array<uint64_t, kBoundsUs.size() + 1>;

  void Add(int64_t ns);

  const Counts& counts() const { return counts_; }
  int64_t total_ns() const { return total_ns_; }
  int64_t longest_ns() const { return longest_ns_; }

 private:
  Counts counts_{};
  int64_t total_ns_ = 0;
  int64_t longest_ns_ = 0;
};

}  // namespace treadle
