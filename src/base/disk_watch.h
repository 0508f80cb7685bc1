// DiskWatch: how long the current write has been waiting for its disk.
//
// A disk that hangs blocks the thread that writes, so that thread cannot report it. It notes here
// when each write begins and ends, and others look. Writes of one kind come one at a time. Any
// thread.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/time.h"

namespace treadle {

class DiskWatch {
 public:
  enum class Kind : uint8_t { kJournal, kStore };

  /// One write, from its construction to its end. Borrows both for its life.
  class Write {
   public:
    Write(DiskWatch* watch, Kind kind, Clock* clock) : began_(&watch->began(kind)) {
      began_->store(clock->MonotonicMs(), std::memory_order_relaxed);
    }
    ~Write() { began_->store(kNone, std::memory_order_relaxed); }
    Write(const Write&) = delete;
    Write& operator=(const Write&) = delete;

   private:
    std::atomic<int64_t>* began_;
  };

  /// Of the current write at monotonic `now_ms`; 0: none.
  int64_t AgeMs(Kind kind, int64_t now_ms) const {
    const int64_t began = began_[static_cast<size_t>(kind)].load(std::memory_order_relaxed);
    return began == kNone ? 0 : std::max<int64_t>(0, now_ms - began);
  }

 private:
  static constexpr int64_t kNone = std::numeric_limits<int64_t>::max();

  std::atomic<int64_t>& began(Kind kind) { return began_[static_cast<size_t>(kind)]; }

  std::array<std::atomic<int64_t>, 2> began_ = {kNone, kNone};
};

}  // namespace treadle
