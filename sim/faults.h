// Faults: which faults a run injects, how often, and how often they happened.
//
// Each kind has its own probability, drawn from the seed. Some kinds never happen in a run, so a
// fault that would mask others cannot do so in every run. Faults have their own random generator.
// One thread.
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
  // Clients.
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

  /// Whether the fault should happen now. The caller must call Count() when it injects it.
  bool Rolls(Fault fault);
  /// Rolls() and Count() in one, for a fault that happens at once.
  bool Happens(Fault fault);
  void Count(Fault fault) {
    ++counts_[static_cast<size_t>(fault)];
    if (on_count) on_count(fault);
  }
  /// Nothing goes wrong from now on.
  void Stop() { stopped_ = true; }

  const FaultCounts& counts() const { return counts_; }

  /// Called with each fault that happens. May be empty.
  std::function<void(Fault)> on_count;

 private:
  SeededRandom random_;
  std::array<uint64_t, kFaults> odds_{};  // one in N; 0: never
  FaultCounts counts_{};
  bool stopped_ = false;
};

}  // namespace treadle::sim
