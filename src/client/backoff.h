// Backoff: how long to wait before asking a lost server again. Not thread safe.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/random.h"

namespace treadle {

class Backoff {
 public:
  explicit Backoff(uint64_t seed) : random_(seed) {}

  /// 100 ms, doubling up to 5 s, of which a random half is taken off so that workers do not return
  /// all at once.
  int64_t NextMs() {
    const int64_t full_ms = ceiling_ms_;
    ceiling_ms_ = std::min<int64_t>(2 * ceiling_ms_, 5'000);
    return full_ms - static_cast<int64_t>(random_.Below(static_cast<uint64_t>(full_ms / 2)));
  }
  void Reset() { ceiling_ms_ = 100; }

 private:
  SeededRandom random_;
  int64_t ceiling_ms_ = 100;
};

}  // namespace treadle
