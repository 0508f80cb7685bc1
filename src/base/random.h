// Randomness: one seam for what must be unpredictable or seeded, and a mixing function for what
// must be neither.
#pragma once

#include <cstdint>

namespace treadle {

/// A good 64-bit mix of `x` (the finalizer of SplitMix64, Steele, Lea and Flood 2014). Pure.
constexpr uint64_t Mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// Where a node draws random numbers. One thread at a time.
class Random {
 public:
  virtual ~Random() = default;
  virtual uint64_t Next() = 0;
};

/// SplitMix64 from a seed: repeatable, not for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  uint64_t Next() override { return Mix64(state_++ * 0x9e3779b97f4a7c15); }
  /// Uniform in [0, bound); `bound` > 0. (The bias of a plain remainder is below 2⁻³² for the
  /// bounds used here.)
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  /// True once in `n` on average.
  bool OneIn(uint64_t n) { return Below(n) == 0; }

 private:
  uint64_t state_;
};

/// From the operating system: fit for secrets and identities.
class SystemRandom final : public Random {
 public:
  uint64_t Next() override;
};

}  // namespace treadle
