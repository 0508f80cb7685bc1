// Faults: what goes wrong in one run, how often, and how often it did.
//
// Each kind has a probability of its own, drawn from the seed; some kinds never happen in a run, so
// that what another kind covers up is seen too. It draws from a generator of its own. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/random.h"

namespace treadle::sim {

enum class Fault : uint8_t {
  // The machine.
  kPowerFailure,
  kProcessKill,
  kCrashInCheckpoint,
  kOrderlyStop,
  // What a power failure does to writes that were not synced.
  kWriteLost,
  kWriteKept,
  kWriteTorn,
  kWriteReordered,
  // The disk.
  kBitFlip,
  kSyncFailure,
  kDiskFull,
  kSlowDisk,
  // The network.
  kRequestLost,
  kReplyLost,
  kRenewalLost,
  kDoubled,
  kDelayed,
  kReordered,
  kConnectionGone,
  // Those who call.
  kWorkerStall,
  kWorkerDeath,
  kOldToken,
  kDoubleReport,
  kBlindRetry,
  // The rest of the world.
  kWallStep,
  kBurst,
  kForcedCheckpoint,
};
inline constexpr size_t kFaults = static_cast<size_t>(Fault::kForcedCheckpoint) + 1;

std::string_view FaultName(Fault fault);

using FaultCounts = std::array<uint64_t, kFaults>;

class Faults {
 public:
  explicit Faults(uint64_t seed);

  /// Whether it shall happen now. Whoever lets it happen says Count().
  bool Rolls(Fault fault);
  /// Both: it happens at once.
  bool Happens(Fault fault);
  void Count(Fault fault) {
    ++counts_[static_cast<size_t>(fault)];
    if (on_count) on_count(fault);
  }
  /// From now on nothing goes wrong.
  void Stop() { stopped_ = true; }

  const FaultCounts& counts() const { return counts_; }

  /// Called with what happens. May be empty.
  std::function<void(Fault)> on_count;

 private:
  SeededRandom random_;
  std::array<uint64_t, kFaults> odds_{};  // one in so many; 0: never
  FaultCounts counts_{};
  bool stopped_ = false;
};

}  // namespace treadle::sim
